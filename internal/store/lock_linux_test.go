// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"io/fs"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// as does something with the rights of another user, in a thread of its own that
// ends with it.
func as(uid, gid int, do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		_, _ = unix.SetfsgidRetGid(gid)
		_, _ = unix.SetfsuidRetUid(uid)
		do()
	}()
	<-done
}

// Who may write to the directory waits for the lock, and nobody else may keep
// others from it. Not parallel: the umask is the process's.
func TestLockIsForThoseWhoWriteToItsDirectory(t *testing.T) {
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
			as(54322, group, func() { _, err = Acquire(root, "lock") })
			if want == 0o600 {
				require.ErrorIs(t, err, fs.ErrPermission, mode)
			} else {
				require.ErrorIs(t, err, ErrHeld, mode)
			}
		}
		require.NoError(t, l.Release())
	}
}

// A file that cannot have the group of its directory would be for others.
func TestLockOfAForeignGroupIsPrivate(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: another user's group needs root")
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
	as(54322, 54323, func() { l, err = Acquire(root, "lock") })
	require.NoError(t, err)
	info, err := root.Stat("lock")
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
	require.NoError(t, l.Release())
}
