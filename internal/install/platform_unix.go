// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/choria-io/go-updater/internal/store"
)

const (
	// renamesAside is false: on Unix a running program can be replaced by rename.
	renamesAside = false
	// sealFlag is enough for fsync and fchmod. A file that is open for writing could
	// not be executed when it is installed (ETXTBSY).
	sealFlag = os.O_RDONLY
)

func links(f *os.File) (uint64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return uint64(info.Sys().(*syscall.Stat_t).Nlink), nil
}

// removeAtBoot does nothing: on Unix a running program can be removed.
func removeAtBoot(string) {}

// checkParent refuses a directory in which every user may replace files of others.
func checkParent(path string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("%w: every user may replace files in %q (chmod o-w, or install the program elsewhere)", ErrUnsafeDirectory, path)
	}
	return nil
}

// checkPrivate refuses a work directory that another user owns or can enter.
func checkPrivate(path string, info fs.FileInfo) error {
	uid, _ := store.Owner(info)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%w: %q is not a directory (remove it)", ErrUnsafeDirectory, path)
	case uid != os.Geteuid():
		return fmt.Errorf("%w: %q belongs to user %d (remove it, or update as that user)", ErrUnsafeDirectory, path, uid)
	case info.Mode().Perm() != 0o700:
		return fmt.Errorf("%w: %q has mode %04o instead of 0700 (remove it)", ErrUnsafeDirectory, path, info.Mode().Perm())
	}
	return nil
}
