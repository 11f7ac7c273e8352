// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

const dirFlag = os.O_RDONLY

// Owner returns the owner and group of a file.
func Owner(info fs.FileInfo) (uid, gid int) {
	st := info.Sys().(*syscall.Stat_t)
	return int(st.Uid), int(st.Gid)
}

// patiently calls do once: on Unix an open file can be renamed and removed.
func patiently(_ bool, do func() error) error { return do() }

// cannotSync reports whether the file system has no fsync for directories, as some
// network and FUSE file systems. EIO does not mean that.
func cannotSync(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}

// checkOwned returns an error if users other than this one and root may write to the
// directory.
func checkOwned(path string, info fs.FileInfo) error {
	uid, _ := Owner(info)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%w: %q is not a directory", ErrUnsafeDirectory, path)
	case uid != os.Geteuid() && uid != 0:
		return fmt.Errorf("%w: %q belongs to user %d", ErrUnsafeDirectory, path, uid)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%w: others may write to %q (chmod go-w)", ErrUnsafeDirectory, path)
	}
	return nil
}
