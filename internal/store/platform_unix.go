// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store

import (
	"errors"
	"fmt"
	"io"
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

// privileged reports whether this process may change the owner of files.
func privileged() bool { return os.Geteuid() == 0 }

// give gives a file or directory that we have just created the owner that r creates
// for, and the bits of perm that the umask removed.
func (r Root) give(f *os.File, perm fs.FileMode) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if uid, _ := Owner(info); privileged() && r.owner.UID != 0 && uid != r.owner.UID {
		if err := f.Chown(r.owner.UID, r.owner.GID); err != nil {
			return err
		}
	}
	if info.Mode().Perm()&perm == perm {
		return nil
	}
	return f.Chmod(perm)
}

// Mkdir makes a directory as os.Root does, whose mode no umask narrows.
func (r Root) Mkdir(name string, perm fs.FileMode) error {
	if err := r.Root.Mkdir(name, perm); err != nil {
		return err
	}
	if privileged() && r.owner.UID != 0 {
		return r.giveDir(name, perm)
	}
	made, err := r.Lstat(name)
	if err == nil && made.Mode().Perm()&perm != perm {
		err = r.Narrow(name, made)
	}
	return err
}

// giveDir is give for a directory that root has just made. The owner of the directory
// above can exchange it, for an empty one of root's at best: that could be replaced by one
// of their own all the same. One that is the owner's already was made by another process
// of root's.
func (r Root) giveDir(name string, perm fs.FileMode) error {
	f, err := r.Root.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|openFlags, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	uid, _ := Owner(info)
	if uid == r.owner.UID {
		return r.give(f, perm)
	}
	_, err = f.Readdirnames(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err == nil || uid != 0 {
		return fmt.Errorf("%w: %q was exchanged while it was made, or the file system sets the owner of all files: it belongs to user %d",
			ErrUnsafeDirectory, f.Name(), uid)
	}
	return r.give(f, perm)
}

// Narrow sets the mode of what was found at name to 0700, or 0600 if it is no directory.
func (r Root) Narrow(name string, found fs.FileInfo) error {
	mode := fs.FileMode(0o600)
	if found.IsDir() {
		mode = 0o700
	}
	if !privileged() {
		return r.Chmod(name, mode) // it is ours, and may be unreadable
	}
	f, err := r.Root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !os.SameFile(info, found) {
		return errors.Join(fmt.Errorf("%w: %q was exchanged", ErrUnsafeDirectory, f.Name()), err)
	}
	return f.Chmod(mode)
}

// links returns how many names a file has.
func links(info fs.FileInfo) uint64 { return uint64(info.Sys().(*syscall.Stat_t).Nlink) }

// othersMayWrite reports whether users besides the owner may write, except those of the
// group trusted.
func othersMayWrite(info fs.FileInfo, trusted int) bool {
	_, gid := Owner(info)
	mode := info.Mode().Perm()
	return mode&0o002 != 0 || mode&0o020 != 0 && gid != trusted
}

// writers returns the group that may write to a directory, or -1.
func writers(info fs.FileInfo) int {
	if _, gid := Owner(info); info.Mode().Perm()&0o020 != 0 {
		return gid
	}
	return -1
}
