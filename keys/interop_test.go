// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tool finds another program, or skips the test with a visible message.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT PROVEN: %s is not installed", name)
	}
	return path
}

func output(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(tool(t, args[0]), args[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "SSH_ASKPASS_REQUIRE=never")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v: %s", args, out)
	return string(out)
}

// written creates a file with the formatted key.
func written(t *testing.T, f PrivateFormat, passphrase string) string {
	t.Helper()
	var data []byte
	var err error
	switch {
	case passphrase == "":
		data, err = FormatUnprotected(rfcKey(t), f)
	case f == Minisign && passphrase == testPassphrase:
		data = sealedMinisign(t)
	default:
		data, err = FormatEncrypted(rfcKey(t), f, []byte(passphrase))
	}
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, CreateFiles(File{path, data, 0o600}))
	return path
}

func TestOpenSSLReadsOurKeys(t *testing.T) {
	for _, passphrase := range []string{"", testPassphrase} {
		out := output(t, "", "openssl", "pkey", "-in", written(t, PKCS8, passphrase), "-passin", "pass:"+passphrase, "-pubout")
		require.Equal(t, string(testdata(t, "rfc8032-pem.golden")), out)
	}
}

func TestWeReadOpenSSLKeys(t *testing.T) {
	pem := output(t, "", "openssl", "genpkey", "-algorithm", "ed25519")
	public := output(t, pem, "openssl", "pkey", "-pubout")
	sealed := output(t, pem, "openssl", "pkcs8", "-topk8", "-passout", "pass:"+testPassphrase)
	for _, data := range []string{pem, sealed} {
		k, err := ParsePrivate([]byte(data), []byte(testPassphrase))
		require.NoError(t, err)
		require.Equal(t, public, string(k.Public().PEM()))
	}
}

func TestSSHKeygenReadsOurKeys(t *testing.T) {
	want := strings.TrimSpace(string(testdata(t, "rfc8032-openssh.golden")))
	for _, passphrase := range []string{"", testPassphrase} {
		path := written(t, OpenSSH, passphrase)
		require.Equal(t, want, strings.TrimSpace(output(t, "", "ssh-keygen", "-y", "-P", passphrase, "-f", path)))
	}
	require.Contains(t, output(t, want, "ssh-keygen", "-l", "-f", "-"), rfcKey(t).Public().SSHFingerprint())
}

func TestWeReadSSHKeygenKeys(t *testing.T) {
	for _, passphrase := range []string{"", testPassphrase} {
		path := filepath.Join(t.TempDir(), "key")
		output(t, "", "ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path)
		file, err := ReadFile(path)
		require.NoError(t, err)
		k, err := ParsePrivate(file.Data, []byte(passphrase))
		require.NoError(t, err)
		pub, err := ReadFile(path + ".pub")
		require.NoError(t, err)
		public, err := ParsePublic(pub.Data)
		require.NoError(t, err)
		require.Equal(t, []PublicKey{k.Public()}, public)
	}
}

func TestMinisignSignsWithOurKeys(t *testing.T) {
	slow(t)
	for _, passphrase := range []string{"", testPassphrase} {
		dir := t.TempDir()
		message := filepath.Join(dir, "message")
		require.NoError(t, os.WriteFile(message, []byte("message"), 0o600))
		public := filepath.Join(dir, "key.pub")
		require.NoError(t, os.WriteFile(public, testdata(t, "rfc8032-minisign.golden"), 0o600))

		output(t, passphrase+"\n", "minisign", "-S", "-s", written(t, Minisign, passphrase), "-m", message)
		output(t, "", "minisign", "-V", "-p", public, "-m", message)
	}
}

func TestWeReadMinisignKeys(t *testing.T) {
	dir := t.TempDir()
	secret, public := filepath.Join(dir, "m.key"), filepath.Join(dir, "m.pub")
	output(t, "", "minisign", "-G", "-W", "-s", secret, "-p", public)
	file, err := ReadFile(secret)
	require.NoError(t, err)
	k, err := ParsePrivate(file.Data, nil)
	require.NoError(t, err)
	pub, err := ReadFile(public)
	require.NoError(t, err)
	want, err := ParsePublic(pub.Data)
	require.NoError(t, err)
	require.Equal(t, want[0], k.Public())
	formatted, err := FormatPublic(k.Public(), PublicMinisign)
	require.NoError(t, err)
	// The first line is free text, in which minisign omits leading zeros of the
	// key id.
	require.Equal(t, secondLine(t, pub.Data), secondLine(t, formatted))
}

// minisign encrypts with an empty passphrase if the user only presses Enter.
func TestE14_MinisignKeyOfTheToolWithEmptyPassphrase(t *testing.T) {
	slow(t)
	dir := t.TempDir()
	secret, public := filepath.Join(dir, "m.key"), filepath.Join(dir, "m.pub")
	output(t, "\n\n", "minisign", "-G", "-s", secret, "-p", public)
	file, err := ReadFile(secret)
	require.NoError(t, err)
	k, err := ParsePrivate(file.Data, []byte{})
	require.NoError(t, err)
	pub, err := ReadFile(public)
	require.NoError(t, err)
	want, err := ParsePublic(pub.Data)
	require.NoError(t, err)
	require.Equal(t, want[0], k.Public())
}

func secondLine(t *testing.T, file []byte) string {
	t.Helper()
	lines := strings.Split(string(file), "\n")
	require.Len(t, lines, 3, "%s", file)
	return lines[1]
}
