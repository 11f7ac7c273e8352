// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/trust"
)

// recipe writes the files that docs/release-format.md contains into a new directory,
// and the test key as release.pub and release.key.
func recipe(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"sh", "python3", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT PROVEN: the published recipe: %s is not installed", tool)
		}
	}
	version, err := exec.Command("openssl", "version").Output()
	require.NoError(t, err)
	if !regexp.MustCompile(`^OpenSSL ([3-9]|[1-9]\d)\.`).Match(version) {
		t.Skipf("NOT PROVEN: the published recipe: %s is not OpenSSL 3", bytes.TrimSpace(version))
	}

	dir := t.TempDir()
	markdown, err := os.ReadFile(filepath.Join("..", "docs", "release-format.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?ms)^<!-- file: ([a-z.-]+) -->\r?\n```[a-z]+\r?\n(.*?)^```").FindAllSubmatch(markdown, -1)
	require.Len(t, blocks, 4, "signed-bytes.py, verify.sh, sign.sh, key-id.sh")
	for _, block := range blocks {
		require.NoError(t, os.WriteFile(filepath.Join(dir, string(block[1])), bytes.ReplaceAll(block[2], []byte("\r\n"), []byte("\n")), 0o600))
	}
	for name, from := range map[string]string{"release.pub": "TEST-KEY-DO-NOT-USE.pub", "release.key": "TEST-KEY-DO-NOT-USE.key"} {
		content, err := os.ReadFile(filepath.Join("..", "testdata", from))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return dir
}

// run returns the output and the error of a command of the recipe.
func run(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), "PYTHONUTF8=1")
	err := cmd.Run()
	t.Logf("%s %v: %v\n%s", name, args, err, stderr.Bytes())
	return stdout.String(), err
}

// OpenSSL accepts our signatures, and we accept those of OpenSSL.
func TestOpenSSLVerifiesOurSignature(t *testing.T) {
	dir := recipe(t)
	document, err := os.ReadFile(filepath.Join("..", "testdata", "repository", "1.2.3", "linux", "amd64", "release.json"))
	require.NoError(t, err)
	release := filepath.Join(dir, "release.json")

	require.NoError(t, os.WriteFile(release, document, 0o600))
	out, err := run(t, dir, "sh", "-e", "verify.sh")
	require.NoError(t, err)
	require.Contains(t, out, "Signature Verified Successfully")

	require.NoError(t, os.WriteFile(release, bytes.Replace(document, []byte(`"size": 44`), []byte(`"size": 45`), 1), 0o600))
	out, err = run(t, dir, "sh", "-e", "verify.sh")
	require.Error(t, err)
	require.NotContains(t, out, "Successfully")

	out, err = run(t, dir, "sh", "-e", "key-id.sh")
	require.NoError(t, err)
	require.Equal(t, newTestKey("repository").ID(), strings.TrimSpace(out))
}

func TestSignatureByOpenSSLIsAccepted(t *testing.T) {
	dir := recipe(t)
	// Names that sort differently as UTF-8 and as UTF-16, and every escape.
	m := with(with(with(release(), "\ufb33", 1), "😀", "\b\t\n\f\r\"\\/\u000f\u007f\u2028<é>"), "notes", []any{nil, true, -9007199254740991, member{}})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "release.json"), write(m), 0o600))
	_, err := run(t, dir, "sh", "-e", "sign.sh")
	require.NoError(t, err)

	document, err := os.ReadFile(filepath.Join(dir, "release.json"))
	require.NoError(t, err)
	v, err := trust.Verify(document, policy(1, newTestKey("repository")), want())
	require.NoError(t, err)
	require.Equal(t, []string{newTestKey("repository").ID()}, v.Signers)
}

func TestRecipeAgreesOnTheSignedBytesOfVectors(t *testing.T) {
	dir := recipe(t)
	files, err := filepath.Glob(filepath.Join(vectorDir, "canonical", "valid-*.vector"))
	require.NoError(t, err)
	require.Greater(t, len(files), 10)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		v, err := parseVector(raw)
		require.NoError(t, err)
		ours, err := trust.SignedBytes(trust.ReleaseType, v.input)
		require.NoError(t, err)

		require.NoError(t, os.WriteFile(filepath.Join(dir, "release.json"), v.input, 0o600))
		theirs, err := run(t, dir, "python3", "signed-bytes.py", "release.json")
		require.NoError(t, err, file)
		require.Equal(t, string(ours), theirs, file)
	}
}
