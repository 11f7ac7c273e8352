// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package v010_test installs with the published go-updater v0.1.0 from a repository that
// the commands of this checkout write. Its go.mod must not replace go-updater, because the
// client has to be the published one.
package v010_test

import (
	"bytes"
	"compress/bzip2"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	updater "github.com/choria-io/go-updater"
	"github.com/stretchr/testify/require"
)

// command builds a command of this checkout and returns a function that runs it.
func command(t *testing.T, name string) func(args ...string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/"+name)
	build.Dir = filepath.Join("..", "..")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return func(args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	}
}

func TestOldClientInstallsFromNewRepository(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("NOT APPLICABLE: v0.1.0 renames an open file, which Windows refuses")
	}
	dir := t.TempDir()
	key, repo := filepath.Join(dir, "release"), filepath.Join(dir, "repo")
	require.NoError(t, os.Mkdir(repo, 0o755))
	// Larger than a block of bzip2.
	binary := bytes.Repeat([]byte("the program, version 1.2.3\n"), 64<<10)
	input := filepath.Join(dir, "choria")
	require.NoError(t, os.WriteFile(input, binary, 0o755))

	command(t, "keygen")("release", "--no-passphrase", "--output", key)
	publish := command(t, "update-repo")
	publish(input, "--version", "1.2.3", "--os", "linux", "--arch", "amd64", "--repo", repo, "--key", key+".key")
	publish("verify", "--repo", repo, "--public-key", key+".pub")

	document, err := os.ReadFile(filepath.Join(repo, "1.2.3", "linux", "amd64", "release.json"))
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(document, &fields))
	require.NotEmpty(t, fields["signature"], "the release has to be signed")
	require.Contains(t, fields, "format", "the document has to contain fields that v0.1.0 does not know")

	server := httptest.NewServer(http.FileServer(http.Dir(repo)))
	defer server.Close()
	install := func(t *testing.T) (target string, err error) {
		target = filepath.Join(t.TempDir(), "choria")
		require.NoError(t, os.WriteFile(target, []byte("the program, version 1.2.2\n"), 0o755))
		return target, updater.Apply(
			updater.Logger(log.New(io.Discard, "", 0)),
			updater.SourceRepo(server.URL),
			updater.Version("1.2.3"), updater.OS("linux"), updater.Arch("amd64"),
			updater.TargetFile(target),
		)
	}

	t.Run("installs", func(t *testing.T) {
		spec, err := updater.FetchSpec(updater.SourceRepo(server.URL), updater.Version("1.2.3"), updater.OS("linux"), updater.Arch("amd64"))
		require.NoError(t, err)
		require.Equal(t, fields["binary"], spec.BinaryPath)
		require.Equal(t, fields["hash"], spec.Sha256Hash)

		target, err := install(t)
		require.NoError(t, err)
		got, err := os.ReadFile(target)
		require.NoError(t, err)
		require.True(t, bytes.Equal(binary, got), "the old client installed something else")
		backup, err := os.ReadFile(target + ".backup")
		require.NoError(t, err)
		require.Equal(t, "the program, version 1.2.2\n", string(backup))
	})

	// Without this, the old client might not check the hash at all.
	t.Run("checks the hash", func(t *testing.T) {
		artifact := filepath.Join(repo, "1.2.3", "linux", "amd64", fields["binary"].(string))
		compressed, err := os.ReadFile(artifact)
		require.NoError(t, err)
		decompressed, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(compressed)))
		require.NoError(t, err)
		require.True(t, bytes.Equal(binary, decompressed))

		other := strings.Replace(string(document), fields["hash"].(string), strings.Repeat("0", 64), 1)
		require.NoError(t, os.WriteFile(filepath.Join(repo, "1.2.3", "linux", "amd64", "release.json"), []byte(other), 0o600))
		target, err := install(t)
		require.ErrorContains(t, err, "invalid checksum")
		got, err := os.ReadFile(target)
		require.NoError(t, err)
		require.Equal(t, "the program, version 1.2.2\n", string(got))
	})
}
