// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/stretchr/testify/require"
)

// faultyFS is a directory in which an operation fails, or something happens before it.
type faultyFS struct {
	Root
	before func(op string) error
	done   *[]string
}

func newFaultyFS(t *testing.T, before func(op string) error) faultyFS {
	t.Helper()
	root, err := OpenRoot(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { root.Close() })
	return faultyFS{root, before, &[]string{}}
}

func (f faultyFS) do(op string) error {
	*f.done = append(*f.done, op)
	if f.before == nil {
		return nil
	}
	return f.before(op)
}

func (f faultyFS) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	if err := f.do("open"); err != nil {
		return nil, err
	}
	return f.Root.OpenFile(name, flag, perm)
}

func (f faultyFS) Rename(oldname, newname string) error {
	if err := f.do("rename"); err != nil {
		return err
	}
	return f.Root.Rename(oldname, newname)
}

func (f faultyFS) Sync(file *os.File) error {
	op := "sync file"
	if info, err := file.Stat(); err == nil && info.IsDir() {
		op = "sync directory"
	}
	if err := f.do(op); err != nil {
		return err
	}
	return f.Root.Sync(file)
}

func TestWriteSyncsTheFileThenTheDirectory(t *testing.T) {
	dir := newFaultyFS(t, nil)
	require.NoError(t, Write(dir, ".", "name", []byte("content")))
	require.Equal(t, []string{"open", "sync file", "rename", "open", "sync directory"}, *dir.done)
	got, err := Read(dir, "name", 100)
	require.NoError(t, err)
	require.Equal(t, "content", string(got))
}

func TestFailedWriteLeavesNoTemporaryFile(t *testing.T) {
	failure := errors.New("failed")
	for _, op := range []string{"open", "sync file", "rename"} {
		dir := newFaultyFS(t, func(at string) error {
			if at == op {
				return failure
			}
			return nil
		})
		require.NoError(t, dir.WriteFile("name", []byte("old"), 0o600))
		require.ErrorIs(t, Write(dir, ".", "name", []byte("new")), failure, op)
		names, err := dir.Names(".")
		require.NoError(t, err)
		require.Equal(t, []string{"name"}, names, op)
		got, err := dir.ReadFile("name")
		require.NoError(t, err)
		require.Equal(t, "old", string(got), op)
	}
}

func TestDirectoryThatCannotBeSyncedIsAnError(t *testing.T) {
	failure := errors.New("failed")
	dir := newFaultyFS(t, func(at string) error {
		if at == "sync directory" {
			return failure
		}
		return nil
	})
	require.ErrorIs(t, Write(dir, ".", "name", nil), failure)
}

// An attacker who guesses the random name has a link there.
func TestTemporaryFileIsCreatedExclusively(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("NOT PROVEN: links need a privilege")
	}
	dir := newFaultyFS(t, nil)
	require.NoError(t, dir.WriteFile("victim", []byte("victim"), 0o600))
	cryptotest.SetGlobalRandom(t, 1)
	temp := "name." + RandomName("write")
	require.NoError(t, dir.Symlink("victim", temp))
	cryptotest.SetGlobalRandom(t, 1) // the same name again
	require.ErrorIs(t, Write(dir, ".", "name", []byte("new")), fs.ErrExist)
	got, err := dir.ReadFile("victim")
	require.NoError(t, err)
	require.Equal(t, "victim", string(got))
	_, err = dir.Lstat(temp)
	require.NoError(t, err, "it is not ours to remove")
}

// The file is replaced between Lstat and OpenFile.
func TestReplacedFileIsNotRead(t *testing.T) {
	var dir faultyFS
	dir = newFaultyFS(t, func(string) error { return dir.Root.Rename("other", "name") })
	require.NoError(t, dir.WriteFile("name", []byte("content"), 0o600))
	require.NoError(t, dir.WriteFile("other", []byte("another"), 0o600))
	_, err := Read(dir, "name", 100)
	require.ErrorIs(t, err, ErrChanged)
}

func TestDirectoryIsNotReadAsAFile(t *testing.T) {
	dir := newFaultyFS(t, nil)
	require.NoError(t, dir.Mkdir("name", 0o700))
	_, err := Read(dir, "name", 100)
	require.ErrorIs(t, err, ErrNotRegular)
}

func TestNamesOfTemporaryFiles(t *testing.T) {
	random := RandomName("write")
	require.Equal(t, "write", KindOf(random))
	require.NotEqual(t, random, RandomName("write"))
	for name, temporary := range map[string]bool{
		"name." + random:                        true,
		random:                                  true,
		"name.old." + random:                    true,
		"name":                                  false,
		"":                                      false,
		"name." + RandomName("lock"):            false,
		"name." + random[:len(random)-1]:        false,
		"name." + random + "A":                  false,
		"name.write-" + strings.Repeat("a", 26): false,
		"name.write-" + strings.Repeat("1", 26): false,
		"name.write-" + strings.Repeat("A", 25) + "-": false,
	} {
		require.Equal(t, temporary, IsTemporary(name), "%q", name)
	}
}
