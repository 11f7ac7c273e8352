// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestCreateFiles(t *testing.T) {
	private := func(dir string) File { return File{filepath.Join(dir, "a.key"), []byte("secret"), 0o600} }
	public := func(dir string) File { return File{filepath.Join(dir, "a.pub"), []byte("public"), 0o644} }

	t.Run("both", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, CreateFiles(private(dir), public(dir)))
		require.Equal(t, []string{"a.key", "a.pub"}, names(t, dir))
		data, err := os.ReadFile(filepath.Join(dir, "a.key"))
		require.NoError(t, err)
		require.Equal(t, "secret", string(data))
	})
	for _, existing := range []string{"a.key", "a.pub"} {
		t.Run(existing+" exists", func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, existing), []byte("other"), 0o600))
			require.ErrorIs(t, CreateFiles(private(dir), public(dir)), fs.ErrExist)
			require.Equal(t, []string{existing}, names(t, dir), "a failure leaves no file")
			data, err := os.ReadFile(filepath.Join(dir, existing))
			require.NoError(t, err)
			require.Equal(t, "other", string(data))
		})
	}
	t.Run("second directory missing", func(t *testing.T) {
		dir := t.TempDir()
		require.ErrorIs(t, CreateFiles(private(dir), public(filepath.Join(dir, "none"))), fs.ErrNotExist)
		require.Empty(t, names(t, dir))
	})
}

func TestReplaceFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.key")
	require.ErrorIs(t, ReplaceFile(path, []byte("new")), fs.ErrNotExist)
	require.Empty(t, names(t, dir))

	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	require.NoError(t, ReplaceFile(path, []byte("new")))
	require.Equal(t, []string{"a.key"}, names(t, dir))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(data))
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	_, err := ReadFile(dir)
	require.ErrorContains(t, err, "is a directory")
	_, err = ReadFile(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)

	path := filepath.Join(dir, "big")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("x", MaxFile+1)), 0o600))
	_, err = ReadFile(path)
	require.ErrorIs(t, err, ErrMalformed)
}

// Another process may replace a file that we created.
func TestRemovesOnlyOwnFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	f, err := own(os.Create(path))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, os.Rename(path, path+".away"))
	require.NoError(t, os.WriteFile(path, []byte("another"), 0o600))
	require.NoError(t, f.remove())
	require.FileExists(t, path)

	require.NoError(t, os.Remove(path))
	require.NoError(t, f.remove(), "already removed")
	require.NoError(t, os.Rename(path+".away", path))
	require.NoError(t, f.remove())
	require.NoFileExists(t, path)
}
