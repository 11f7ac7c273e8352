// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"io"
	"io/fs"
	"os"

	"github.com/choria-io/go-updater/internal/attrs"
	"github.com/choria-io/go-updater/internal/store"
)

// fsys has all operations on the file system that change something or on whose result
// something depends. Names are relative to the target's directory. Tests make each
// operation fail in turn.
type fsys interface {
	Lstat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Mkdir(name string, perm fs.FileMode) error
	Link(oldname, newname string) error
	Rename(oldname, newname string) error
	Remove(name string) error
	Narrow(name string, found fs.FileInfo) error
	CreateFor(owner store.User)
	Close() error

	Chown(f *os.File, uid, gid int) error
	Chmod(f *os.File, mode fs.FileMode) error
	CopyAttributes(dst, src *os.File) (lost []string, err error)
	Sync(f *os.File) error
	Copy(dst, src *os.File) (int64, error)
	Names(dir string) ([]string, error)
}

// rootFS is the real file system.
type rootFS struct{ *store.Root }

func openRoot(dir string) (fsys, error) {
	root, err := store.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return rootFS{&root}, nil
}

func (rootFS) Chown(f *os.File, uid, gid int) error               { return f.Chown(uid, gid) }
func (rootFS) Chmod(f *os.File, mode fs.FileMode) error           { return f.Chmod(mode) }
func (rootFS) CopyAttributes(dst, src *os.File) ([]string, error) { return attrs.Copy(dst, src) }

// Copy shares blocks if the file system can: on Linux io.Copy between two files uses
// copy_file_range, which clones if possible.
func (rootFS) Copy(dst, src *os.File) (int64, error) { return io.Copy(dst, src) }
