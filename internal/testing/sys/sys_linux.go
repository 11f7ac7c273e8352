// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package sys lets tests act as other users and set attributes of inodes.
package sys

import (
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// AsUser calls do as another user, in a thread that ends afterwards. The process has
// to be root. If the system does not change the user, the test fails and do is not
// called. Do must not end the test.
func AsUser(t testing.TB, uid, gid int, do func()) {
	t.Helper()
	done := make(chan unix.Errno)
	go func() {
		defer close(done)
		runtime.LockOSThread()
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid))
		if errno == 0 {
			_, _, errno = unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
		}
		if errno != 0 {
			done <- errno
			return
		}
		do()
	}()
	if errno, failed := <-done; failed {
		require.NoError(t, errno, "becoming user %d of group %d", uid, gid)
	}
}

// SetFlag sets a flag of FS_IOC_SETFLAGS on a file or directory, until unset is called
// or the test ends. It skips the test if the file system has no such flags.
func SetFlag(t testing.TB, path string, flag int) (unset func()) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	was, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, was|flag)
	}
	if err != nil {
		t.Skipf("NOT PROVEN: needs a file system with inode flags: %v", err)
	}
	unset = func() { require.NoError(t, unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, was)) }
	t.Cleanup(unset)
	return unset
}
