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
	// renamesAside is false: rename replaces a running program's name.
	renamesAside = false
	// sealFlag is enough for fsync and fchmod here. A file open for writing
	// could not be executed the moment it is in place (ETXTBSY).
	sealFlag = os.O_RDONLY
)

func links(f *os.File) (uint64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return uint64(info.Sys().(*syscall.Stat_t).Nlink), nil
}

// removeAtBoot is for what cannot be removed at once.
func removeAtBoot(string) {}

// checkParent refuses the directory in which anyone may rename anyone's files.
func checkParent(path string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("%w: everyone may replace files in %q (chmod o-w, or install the program elsewhere)", ErrUnsafeDirectory, path)
	}
	return nil
}

// checkPrivate refuses a work directory that another user made or can enter.
func checkPrivate(path string, info fs.FileInfo) error {
	uid, _ := store.Owner(info)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%w: %q is no directory (remove it)", ErrUnsafeDirectory, path)
	case uid != os.Geteuid():
		return fmt.Errorf("%w: %q belongs to user %d (remove it, or update as that user)", ErrUnsafeDirectory, path, uid)
	case info.Mode().Perm() != 0o700:
		return fmt.Errorf("%w: %q has mode %04o instead of 0700 (remove it)", ErrUnsafeDirectory, path, info.Mode().Perm())
	}
	return nil
}
