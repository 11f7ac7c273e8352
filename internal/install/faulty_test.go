// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// faulty is a file system with faults. before and after are called for each operation.
// An error that they return is the error of the operation.
type faulty struct {
	fsys
	before, after func(op, name string) error
}

func (f *faulty) do(op, name string, run func() error) error {
	if f.before != nil {
		if err := f.before(op, name); err != nil {
			return err
		}
	}
	err := run()
	if err == nil && f.after != nil {
		err = f.after(op, name)
	}
	return err
}

func (f *faulty) Lstat(name string) (info fs.FileInfo, err error) {
	err = f.do("lstat", name, func() error { info, err = f.fsys.Lstat(name); return err })
	return info, err
}

func (f *faulty) OpenFile(name string, flag int, perm fs.FileMode) (file *os.File, err error) {
	if err = f.do("open", name, func() error { file, err = f.fsys.OpenFile(name, flag, perm); return err }); err != nil && file != nil {
		file.Close()
		file = nil
	}
	return file, err
}

func (f *faulty) Mkdir(name string, perm fs.FileMode) error {
	return f.do("mkdir", name, func() error { return f.fsys.Mkdir(name, perm) })
}

func (f *faulty) Link(oldname, newname string) error {
	return f.do("link", newname, func() error { return f.fsys.Link(oldname, newname) })
}

func (f *faulty) Rename(oldname, newname string) error {
	return f.do("rename", newname, func() error { return f.fsys.Rename(oldname, newname) })
}

func (f *faulty) Remove(name string) error {
	return f.do("remove", name, func() error { return f.fsys.Remove(name) })
}

func (f *faulty) Chown(file *os.File, uid, gid int) error {
	return f.do("chown", file.Name(), func() error { return f.fsys.Chown(file, uid, gid) })
}

func (f *faulty) Chmod(file *os.File, mode fs.FileMode) error {
	return f.do("chmod", file.Name(), func() error { return f.fsys.Chmod(file, mode) })
}

func (f *faulty) Sync(file *os.File) error {
	return f.do("sync", file.Name(), func() error { return f.fsys.Sync(file) })
}

func (f *faulty) CopyAttributes(dst, src *os.File) (lost []string, err error) {
	err = f.do("copyAttributes", dst.Name(), func() error { lost, err = f.fsys.CopyAttributes(dst, src); return err })
	return lost, err
}

func (f *faulty) Copy(dst, src *os.File) (n int64, err error) {
	err = f.do("copy", dst.Name(), func() error { n, err = f.fsys.Copy(dst, src); return err })
	return n, err
}

func (f *faulty) Names(dir string) (found []string, err error) {
	err = f.do("names", dir, func() error { found, err = f.fsys.Names(dir); return err })
	return found, err
}

var errFault = fmt.Errorf("injected: %w", syscall.EIO)

func (f *faulty) open(dir string) (fsys, error) {
	root, err := openRoot(dir)
	f.fsys = root
	return f, err
}

// run makes a whole update, as a caller of this package does.
func (f *faulty) run(target string, aside bool) (err error) {
	s, err := begin(context.Background(), target, Options{}, f.open)
	if err != nil {
		return err
	}
	// An error of Close is not a failed update: the next one removes the leftovers.
	defer s.Close()
	s.renameAside = aside
	path, err := s.StagePath()
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, newBytes, 0o600); err != nil {
		return err
	}
	st, err := s.Seal(path, sum(newBytes), int64(len(newBytes)))
	if err != nil {
		return err
	}
	_, err = s.Commit(st, Plan{})
	return err
}
