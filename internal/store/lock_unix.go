// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func tryLock(f *os.File) error { return flock(f, unix.LOCK_EX) }

func tryLockShared(f *os.File) error { return flock(f, unix.LOCK_SH) }

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrHeld
		default:
			return err
		}
	}
}

// keepOpen duplicates the descriptor, which nothing closes then: the lock belongs to the
// open file description. It does not survive exec.
func keepOpen(f *os.File) error {
	_, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	return err
}

// unlock does nothing. Close unlocks: the open file description is not shared.
func unlock(*os.File) error { return nil }

// share lets users who may write to the directory, and so could remove the lock file,
// open it too: otherwise they would get an error instead of ErrHeld. No other user
// gets access. If the group cannot be set, the file stays private.
func share(file *os.File, dir fs.FileInfo) {
	writers := dir.Mode().Perm() & 0o022
	if writers == 0 || file.Chown(-1, int(dir.Sys().(*syscall.Stat_t).Gid)) != nil {
		return
	}
	_ = file.Chmod(0o600 | writers | writers<<1) // whatever the umask
}
