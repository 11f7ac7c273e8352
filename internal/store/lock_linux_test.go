// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/choria-io/go-updater/internal/testing/sys"
)

// Users who may write to the directory can open the lock, and no others. Not parallel:
// the umask belongs to the process.
func TestLockIsSharedWithWritersOfItsDirectory(t *testing.T) {
	const group = 54321
	for mode, want := range map[fs.FileMode]fs.FileMode{
		0o700: 0o600, 0o755: 0o600, 0o750: 0o600, 0o775: 0o660, 0o770: 0o660, 0o777 | fs.ModeSticky: 0o666,
	} {
		dir, err := os.MkdirTemp("", "lock-test-") // others can enter it
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		if os.Getuid() == 0 {
			require.NoError(t, os.Chown(dir, -1, group))
		}
		require.NoError(t, os.Chmod(dir, mode))
		root, err := os.OpenRoot(dir)
		require.NoError(t, err)
		defer root.Close()

		umask := unix.Umask(0o077)
		l, err := Acquire(root, "lock")
		unix.Umask(umask)
		require.NoError(t, err)
		info, err := root.Stat("lock")
		require.NoError(t, err)
		require.Equal(t, want, info.Mode(), "in a directory of mode %v", mode)
		if os.Getuid() == 0 {
			sys.AsUser(t, 54322, group, func() { _, err = Acquire(root, "lock") })
			if want == 0o600 {
				require.ErrorIs(t, err, fs.ErrPermission, mode)
			} else {
				require.ErrorIs(t, err, ErrHeld, mode)
			}
		}
		require.NoError(t, l.Release())
	}
}

// A lock that cannot have the group of its directory would be open to another group.
func TestLockOfAnotherGroupIsPrivate(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT PROVEN: needs root")
	}
	dir, err := os.MkdirTemp("", "lock-test-")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chown(dir, 54322, 54321))
	require.NoError(t, os.Chmod(dir, 0o770))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()
	var l *Lock
	sys.AsUser(t, 54322, 54323, func() { l, err = Acquire(root, "lock") })
	require.NoError(t, err)
	info, err := root.Stat("lock")
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
	require.NoError(t, l.Release())
}
