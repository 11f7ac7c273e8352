// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	updater "github.com/choria-io/go-updater"
)

// Metadata that cannot be remembered is not used. Root may write to a directory whatever
// its mode, but not to a read-only mount.
func TestReadOnlyMemory(t *testing.T) {
	w := newWorld(t)
	w.release("1.2.3", "version 2", nil)
	dir, want := t.TempDir(), syscall.EACCES
	if os.Getuid() == 0 {
		want = syscall.EROFS
		if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
			t.Skip("NOT PROVEN: cannot mount: ", err)
		}
		t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
		require.NoError(t, unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	} else {
		require.NoError(t, os.Chmod(dir, 0o500))
	}
	w.refuses(updater.ErrState, updater.StateDir(dir))
	require.ErrorIs(t, w.apply(updater.StateDir(dir)), want)
}
