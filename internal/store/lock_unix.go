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

func tryLock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrHeld
		default:
			return err
		}
	}
}

// unlock leaves it to Close: nothing else shares the open file description.
func unlock(*os.File) error { return nil }

// share lets those open a new lock file who may write to its directory, and could
// remove it: otherwise they fail where they should wait. Nobody else gets anything,
// and where that cannot be told apart the file stays private.
func share(file *os.File, dir fs.FileInfo) {
	writers := dir.Mode().Perm() & 0o022
	if writers == 0 || file.Chown(-1, int(dir.Sys().(*syscall.Stat_t).Gid)) != nil {
		return
	}
	_ = file.Chmod(0o600 | writers | writers<<1) // whatever the umask
}
