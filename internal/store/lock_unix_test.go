// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAcquirePlanted(t *testing.T) {
	for name, plant := range map[string]func(path string) error{
		"symlink":          func(p string) error { return os.Symlink("victim", p) },
		"dangling symlink": func(p string) error { return os.Symlink("absent", p) },
		"directory":        func(p string) error { return os.Mkdir(p, 0o700) },
		"fifo":             func(p string) error { return syscall.Mkfifo(p, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			root := newRoot(t)
			require.NoError(t, root.WriteFile("victim", []byte("x"), 0o600))
			path := filepath.Join(root.Name(), "lock")
			require.NoError(t, plant(path))
			_, err := Acquire(root, "lock")
			require.ErrorIs(t, err, ErrNotRegular)
			_, err = os.Lstat(path)
			require.NoError(t, err, "it is not removed")
			require.NoFileExists(t, filepath.Join(root.Name(), "absent"))
		})
	}
}

// A hard link to another file is locked, but not written to.
func TestAcquirePlantedHardLink(t *testing.T) {
	for _, content := range []string{"other content\n", "12345", "1\n2\n", "-1\n", "12345\n"} {
		root := newRoot(t)
		require.NoError(t, root.WriteFile("victim", []byte(content), 0o600))
		require.NoError(t, root.Link("victim", "lock"))
		l, err := Acquire(root, "lock")
		require.NoError(t, err)
		_, err = Acquire(root, "lock")
		require.ErrorIs(t, err, ErrHeld)
		require.NoError(t, l.Release())
		got, err := root.ReadFile("victim")
		require.NoError(t, err)
		require.Equal(t, content, string(got))
	}
}

// A symlink is put there between Lstat and OpenFile: os.Root follows it.
func TestAcquireSymlinkBeforeOpen(t *testing.T) {
	root := newRoot(t)
	require.NoError(t, root.WriteFile("victim", nil, 0o600))
	require.NoError(t, root.WriteFile("lock", nil, 0o600))
	_, err := Acquire(planting{root, func() {
		require.NoError(t, root.Remove("lock"))
		require.NoError(t, root.Symlink("victim", "lock"))
	}}, "lock")
	require.ErrorIs(t, err, ErrNotRegular)
	l, err := Acquire(root, "victim")
	require.NoError(t, err, "the victim was not locked")
	require.NoError(t, l.Release())
}

type planting struct {
	*os.Root
	look func()
}

func (d planting) OpenFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	if info, err := d.Lstat(name); err == nil && info.Mode().IsRegular() {
		d.look()
	}
	return d.Root.OpenFile(name, flag, perm)
}
