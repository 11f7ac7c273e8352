// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// where is the byte that is locked. Windows locks are mandatory, so it is not one of
// those that others read.
func where() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 1 << 30} }

func tryLock(f *os.File) error { return lock(f, windows.LOCKFILE_EXCLUSIVE_LOCK) }

func tryLockShared(f *os.File) error { return lock(f, 0) }

func lock(f *os.File, how uint32) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), how|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, where())
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrHeld
	}
	return err
}

// keepOpen duplicates the handle, which nothing closes then.
func keepOpen(f *os.File) error {
	self := windows.CurrentProcess()
	var kept windows.Handle
	return windows.DuplicateHandle(self, windows.Handle(f.Fd()), self, &kept, 0, false, windows.DUPLICATE_SAME_ACCESS)
}

// unlock is explicit because Windows releases the locks of a closed handle some time
// later.
func unlock(f *os.File) error {
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, where())
}

// share does nothing: access is inherited from the directory.
func share(*os.File, fs.FileInfo) {}
