// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

var (
	// ErrUnsafeDirectory means that other users could exchange files in a
	// directory.
	ErrUnsafeDirectory = errors.New("directory is not safe to update in")

	// ErrChanged means that a file was exchanged between two looks at it.
	ErrChanged = errors.New("file was exchanged during the update")

	// ErrHash means that a file is not the one that was promised: its size or its
	// SHA-256 is another.
	ErrHash = errors.New("unexpected size or hash of file")

	// ErrNotRegular means that something other than a regular file has the name
	// of one. It is left alone.
	ErrNotRegular = errors.New("not a regular file")
)

// File is a file to be stored.
type File struct {
	Name string
	Data []byte
}

// FS is the part of a directory that files are read and written by. [Root] is
// the real one; tests make each operation fail in turn.
type FS interface {
	LockDir
	Rename(oldname, newname string) error
	Remove(name string) error
	Sync(f *os.File) error
}

// Root is an FS below one directory, whatever becomes of the path that led to
// it. On Windows it retries what fails because another process has the file open.
type Root struct {
	*os.Root
	owner User // of what root creates; see CreateFor
}

// OpenRoot opens an existing directory.
func OpenRoot(dir string) (Root, error) {
	root, err := os.OpenRoot(dir)
	return Root{Root: root}, err
}

// CreateFor makes owner the owner of the files and directories that root creates from
// now on. Other users can create only files of their own.
func (r *Root) CreateFor(owner User) { r.owner = owner }

// OpenFile opens a file as os.Root does, without waiting for a fifo. A file that it
// creates exclusively has the mode perm, whatever the umask.
func (r Root) OpenFile(name string, flag int, perm fs.FileMode) (f *os.File, err error) {
	err = patiently(false, func() error {
		f, err = r.Root.OpenFile(name, flag|openFlags, perm)
		return err
	})
	if err == nil && flag&os.O_EXCL != 0 {
		if err = r.give(f, perm); err != nil {
			return nil, errors.Join(err, f.Close(), r.Remove(name))
		}
	}
	return f, err
}

// Rename renames a file as os.Root does.
func (r Root) Rename(oldname, newname string) error {
	return patiently(true, func() error { return r.Root.Rename(oldname, newname) })
}

// Remove removes a file as os.Root does.
func (r Root) Remove(name string) error {
	return patiently(false, func() error { return r.Root.Remove(name) })
}

// Sync makes the content of a file, or the names in a directory, durable.
func (Root) Sync(f *os.File) error { return f.Sync() }

// Names returns the names in a directory, in no order.
func (r Root) Names(dir string) ([]string, error) {
	d, err := r.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// OpenRegular opens a regular file, or returns [ErrNotRegular]. Root follows
// symbolic links inside it, whatever O_NOFOLLOW says, and opening a fifo would
// block; so the name is looked at first, and compared with what was opened.
func OpenRegular(dir FS, name string, flag int) (*os.File, fs.FileInfo, error) {
	at, err := dir.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !at.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("opening %q: %w", name, ErrNotRegular)
	}
	f, err := dir.OpenFile(name, flag, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !Same(info, at) {
		err = fmt.Errorf("opening %q: %w", name, ErrChanged)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// Same reports whether a and b are one file, unchanged between the two looks.
func Same(a, b fs.FileInfo) bool { return SameContent(a, b) && a.Mode() == b.Mode() }

// SameContent is [Same] without the mode.
func SameContent(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// SyncDir makes the names in a directory durable. A file system that cannot sync
// directories at all is taken as it is.
func SyncDir(dir FS, name string) error {
	d, err := dir.OpenFile(name, dirFlag, 0o700)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := dir.Sync(d); err != nil && !cannotSync(err) {
		return fmt.Errorf("syncing directory %q: %w", d.Name(), err)
	}
	return nil
}

// Write stores data as name in the directory in, private (0600). After a crash the
// file holds either what it held before or all of data.
func Write(dir FS, in, name string, data []byte) error {
	temp, err := stage(dir, in, name, data)
	if err != nil {
		return err
	}
	if err := dir.Rename(temp, filepath.Join(in, name)); err != nil {
		return errors.Join(err, dir.Remove(temp))
	}
	return SyncDir(dir, in)
}

// stage writes and syncs data under a temporary name, which it returns.
func stage(dir FS, in, name string, data []byte) (temp string, err error) {
	temp = filepath.Join(in, name+"."+RandomName("write"))
	f, err := dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = dir.Sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("writing %q: %w", name, err), dir.Remove(temp))
	}
	return temp, nil
}

// Read reads a file that [Write] stored, up to limit+1 bytes.
func Read(dir FS, name string, limit int64) ([]byte, error) {
	f, _, err := OpenRegular(dir, name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// randomLength is the length of rand.Text: 26 base32 characters, 130 bits.
const randomLength = 26

// RandomName returns a name that an attacker cannot have planted.
func RandomName(kind string) string { return kind + "-" + rand.Text() }

// KindOf returns the kind of a [RandomName], or "" for any other name.
func KindOf(name string) string {
	kind, suffix, _ := strings.Cut(name, "-")
	if len(suffix) != randomLength || strings.Trim(suffix, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		return ""
	}
	return kind
}

// IsTemporary reports whether [Write] made a file, which it had no time to rename.
func IsTemporary(name string) bool {
	return KindOf(name[strings.LastIndexByte(name, '.')+1:]) == "write"
}
