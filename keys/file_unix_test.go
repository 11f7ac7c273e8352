// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package keys

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	require.NoError(t, err)
	return info.Mode()
}

func TestCreateFilesModeAndLinks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.key")
	require.NoError(t, CreateFiles(File{path, []byte("x"), 0o600}))
	require.Equal(t, os.FileMode(0o600), mode(t, path))

	// A link must not redirect the key to another file.
	link, elsewhere := filepath.Join(dir, "b.key"), filepath.Join(dir, "elsewhere")
	require.NoError(t, os.Symlink(elsewhere, link))
	require.ErrorIs(t, CreateFiles(File{link, []byte("x"), 0o600}), os.ErrExist)
	require.NoFileExists(t, elsewhere)
	require.NotZero(t, mode(t, link)&os.ModeSymlink, "files that we did not create stay")
}

func TestReplaceFileKeepsLinkAndOwner(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "a.key"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	require.NoError(t, os.Symlink("a.key", link))
	root := os.Geteuid() == 0
	if root {
		require.NoError(t, os.Chown(path, 12345, 12346))
	}
	require.NoError(t, ReplaceFile(link, []byte("new")))
	require.NotZero(t, mode(t, link)&os.ModeSymlink)
	require.Equal(t, os.FileMode(0o600), mode(t, path))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(data))
	if root {
		var st unix.Stat_t
		require.NoError(t, unix.Stat(path, &st))
		require.Equal(t, []uint32{12345, 12346}, []uint32{st.Uid, st.Gid})
	}
}

const replaceEnv = "KEYS_TEST_REPLACE"

// A file whose owner cannot be kept is not replaced, because the owner could not
// read the key afterwards.
func TestReplaceFileRejectsChangeOfOwner(t *testing.T) {
	if path := os.Getenv(replaceEnv); path != "" {
		err := ReplaceFile(path, []byte("new"))
		require.ErrorIs(t, err, os.ErrPermission)
		require.ErrorContains(t, err, "keeping the owner")
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("NOT PROVEN: needs root, makes a file of another user")
	}
	dir, err := os.MkdirTemp("", "keys-test-") // only its owner can enter t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chown(dir, 12345, 12345))
	path, bin := filepath.Join(dir, "a.key"), filepath.Join(dir, "test")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip("NOT PROVEN: needs /proc: ", err)
	}
	require.NoError(t, os.WriteFile(bin, self, 0o755))
	cmd := exec.CommandContext(t.Context(), bin, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env, cmd.Dir = append(os.Environ(), replaceEnv+"="+path), dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS")

	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "old", string(data))
	require.Equal(t, os.FileMode(0o644), mode(t, path))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "no temporary file is left")
}

func TestReadFileDoesNotWaitForFifo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, unix.Mkfifo(path, 0o600))
	done := make(chan error, 1)
	go func() { _, err := ReadFile(path); done <- err }()
	select {
	case err := <-done:
		require.ErrorContains(t, err, "not a regular file")
	case <-time.After(10 * time.Second):
		t.Fatal("ReadFile waits for the writer of a fifo")
	}
}

func TestWarnsOfExposedKey(t *testing.T) {
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		data []byte
		mode os.FileMode
		warn bool
	}{
		"private 0600":   {testdata(t, "openssl.pem"), 0o600, false},
		"private 0400":   {testdata(t, "openssl.pem"), 0o400, false},
		"private 0640":   {testdata(t, "openssl.pem"), 0o640, true},
		"private 0604":   {testdata(t, "openssl.pem"), 0o604, true},
		"encrypted 0644": {testdata(t, "openssl-pbkdf2.pem"), 0o644, true},
		"private 0620":   {testdata(t, "openssl.pem"), 0o620, true},
		"public 0644":    {testdata(t, "openssl.pub"), 0o644, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "key")
			os.Remove(path)
			require.NoError(t, os.WriteFile(path, tc.data, 0o600))
			require.NoError(t, os.Chmod(path, tc.mode))
			var warnings []string
			_, _, err := Resolve(context.Background(), path, Options{
				Warn:       func(w string) { warnings = append(warnings, w) },
				Passphrase: func(context.Context, string) ([]byte, error) { return []byte(testPassphrase), nil },
			})
			if tc.warn {
				require.NoError(t, err)
				require.Len(t, warnings, 1)
				require.Contains(t, warnings[0], path)
				_, _, err = Resolve(context.Background(), path, Options{Passphrase: func(context.Context, string) ([]byte, error) { return []byte(testPassphrase), nil }})
				require.NoError(t, err, "Warn is optional")
			} else {
				require.Empty(t, warnings)
			}
		})
	}
}
