// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// newDirs returns a directory of each kind, with one below it, and which of the
// paths the user chose.
func newDirs(t *testing.T) map[string]Dir {
	t.Helper()
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	require.NoError(t, os.WriteFile(target, nil, 0o755))
	return map[string]Dir{
		"beside": Beside(filepath.Join(dir, "work"), target).Sub("sub"),
		"chosen": In(filepath.Join(dir, "state"), target).Sub("sub"),
	}
}

// requireUnsafe asserts that nothing is read from d, nor written to it.
func requireUnsafe(t *testing.T, d Dir) {
	t.Helper()
	_, err := d.Read("name", 10)
	require.ErrorIs(t, err, ErrUnsafeDirectory)
	require.ErrorIs(t, d.Write(File{"name", []byte("new")}), ErrUnsafeDirectory)
}

// T6: a user who can write to a directory could remove what is remembered.
func TestDirThatOthersMayWriteToIsRefused(t *testing.T) {
	for name, d := range newDirs(t) {
		require.NoError(t, d.Write(File{"name", []byte("old")}))
		for path := d.Path(); path != filepath.Dir(d.root); path = filepath.Dir(path) {
			for _, mode := range []fs.FileMode{0o720, 0o702} {
				require.NoError(t, os.Chmod(path, mode))
				t.Run(name, func(t *testing.T) { requireUnsafe(t, d) })
			}
			require.NoError(t, os.Chmod(path, 0o755), "reading is no harm")
			requireHolds(t, d, "name", "old")
		}
	}
}

// Only the directory that the user chose may be a symbolic link.
func TestPlantedLinkToADirectoryIsRefused(t *testing.T) {
	for name, d := range newDirs(t) {
		require.NoError(t, d.Write(File{"name", []byte("old")}))
		for path := d.Path(); path != filepath.Dir(d.root); path = filepath.Dir(path) {
			moved := filepath.Join(t.TempDir(), "moved")
			require.NoError(t, os.Rename(path, moved))
			require.NoError(t, os.Symlink(moved, path))
			if path == d.root && d.chosen {
				requireHolds(t, d, "name", "old")
				require.NoError(t, d.Write(File{"name", []byte("new")}), "the user chose a link")
				requireHolds(t, d, "name", "new")
				require.NoError(t, os.Chmod(moved, 0o777))
			}
			t.Run(name, func(t *testing.T) { requireUnsafe(t, d) })
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Rename(moved, path))
			require.NoError(t, os.Chmod(path, 0o700))
		}
	}
}

// A link or a fifo in place of a file is not read. An update replaces the link, and
// does not follow it.
func TestPlantedFileIsNotFollowed(t *testing.T) {
	d := In(t.TempDir(), "target")
	require.NoError(t, d.Write(File{"victim", []byte("victim")}))
	name := filepath.Join(d.Path(), "name")
	for kind, plant := range map[string]func() error{
		"link": func() error { return os.Symlink("victim", name) },
		"fifo": func() error { return syscall.Mkfifo(name, 0o600) },
	} {
		require.NoError(t, plant(), kind)
		_, err := d.Read("name", 10)
		require.ErrorIs(t, err, ErrNotRegular, kind)
		require.NoError(t, d.Write(File{"name", []byte("new")}), kind)
		requireHolds(t, d, "name", "new")
		requireHolds(t, d, "victim", "victim")
		require.NoError(t, os.Remove(name))
	}
}

// A planted lock keeps Update from working, and is left alone.
func TestPlantedDirLockIsRefused(t *testing.T) {
	d := In(t.TempDir(), "target")
	require.NoError(t, d.Write(File{"name", []byte("old")}))
	lock := filepath.Join(d.Path(), dirLock)
	require.NoError(t, os.Symlink("name", lock))
	err := d.Update(t.Context(), func() ([]File, error) { return []File{{"name", []byte("new")}}, nil })
	require.ErrorIs(t, err, ErrNotRegular)
	requireHolds(t, d, "name", "old")
	_, err = os.Lstat(lock)
	require.NoError(t, err)
}

// The owner of the directory above exchanges the work directory and a link, while
// another user, root, stores something: nothing is written elsewhere (T18).
func TestExchangedDirectoryIsNotFollowed(t *testing.T) {
	for name, sub := range map[string][]string{"itself": nil, "below": {"sub"}} {
		t.Run(name, func(t *testing.T) {
			above, victim := t.TempDir(), t.TempDir()
			require.NoError(t, os.Chmod(victim, 0o700))
			require.NoError(t, os.Mkdir(filepath.Join(victim, "sub"), 0o700))
			target, work := filepath.Join(above, "target"), filepath.Join(above, "work")
			require.NoError(t, os.WriteFile(target, nil, 0o755))
			d := Beside(work, target)
			for _, name := range sub {
				d = d.Sub(name)
			}
			require.NoError(t, d.Write(File{"name", []byte("old")}))
			link, real := filepath.Join(above, "link"), filepath.Join(above, "real")
			require.NoError(t, os.Symlink(victim, link))
			end := make(chan struct{})
			var exchanging sync.WaitGroup
			exchanging.Go(func() {
				for {
					select {
					case <-end:
						return
					default:
						_ = os.Rename(work, real)
						_ = os.Rename(link, work)
						_ = os.Rename(work, link)
						_ = os.Rename(real, work)
					}
				}
			})
			for began := time.Now(); time.Since(began) < 300*time.Millisecond; {
				_ = d.Write(File{"name", []byte("new")})
			}
			close(end)
			exchanging.Wait()
			var found []string
			require.NoError(t, filepath.WalkDir(victim, func(path string, e fs.DirEntry, err error) error {
				if !e.IsDir() {
					found = append(found, path)
				}
				return err
			}))
			require.Empty(t, found)
		})
	}
}

// An installer that ends removes the directory while it is empty.
func TestDirectoryIsMadeAgain(t *testing.T) {
	above := t.TempDir()
	target, work := filepath.Join(above, "target"), filepath.Join(above, "work")
	require.NoError(t, os.WriteFile(target, nil, 0o755))
	end := make(chan struct{})
	var removing sync.WaitGroup
	removing.Go(func() {
		for {
			select {
			case <-end:
				return
			case <-time.After(time.Millisecond):
				_ = os.Remove(work)
			}
		}
	})
	for range 200 {
		d := Beside(work, target).Sub("sub")
		require.NoError(t, d.Write(File{"name", []byte("new")}))
		require.NoError(t, os.RemoveAll(work))
	}
	close(end)
	removing.Wait()
}

// A directory that was exchanged between the check and its opening is not used.
func TestOpenedDirectoryIsTheOneThatWasChecked(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	found, err := os.Lstat(dir)
	require.NoError(t, err)
	for path, want := range map[string]error{dir: nil, other: ErrUnsafeDirectory} {
		opened, err := OpenRoot(path)
		require.NoError(t, err)
		_, err = sameDir(dir, opened, found, nil)
		require.ErrorIs(t, err, want)
		_ = opened.Close()
	}
}
