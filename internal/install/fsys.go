// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/choria-io/go-updater/internal/attrs"
)

// fsys is every operation on the file system that changes something or decides
// something; names are relative to the target's directory. Tests make each of
// them fail in turn.
type fsys interface {
	Lstat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Mkdir(name string, perm fs.FileMode) error
	Link(oldname, newname string) error
	Rename(oldname, newname string) error
	Remove(name string) error
	Close() error

	Chown(f *os.File, uid, gid int) error
	Chmod(f *os.File, mode fs.FileMode) error
	Carry(dst, src *os.File) (lost []string, err error)
	Sync(f *os.File) error
	Copy(dst, src *os.File) (int64, error)
	Names(dir string) ([]string, error)
}

// rootFS is the real one. Root keeps all names below one directory, whatever
// becomes of the path that led to it.
type rootFS struct{ *os.Root }

func openRoot(dir string) (fsys, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return rootFS{root}, nil
}

func (rootFS) Chown(f *os.File, uid, gid int) error      { return f.Chown(uid, gid) }
func (rootFS) Chmod(f *os.File, mode fs.FileMode) error  { return f.Chmod(mode) }
func (rootFS) Carry(dst, src *os.File) ([]string, error) { return attrs.Copy(dst, src) }
func (rootFS) Sync(f *os.File) error                     { return f.Sync() }

// Copy shares the blocks where the file system can: between two files io.Copy uses
// copy_file_range on Linux, and that clones first.
func (rootFS) Copy(dst, src *os.File) (int64, error) { return io.Copy(dst, src) }

func (r rootFS) OpenFile(name string, flag int, perm fs.FileMode) (f *os.File, err error) {
	err = patiently(false, func() error {
		f, err = r.Root.OpenFile(name, flag, perm)
		return err
	})
	return f, err
}

func (r rootFS) Rename(oldname, newname string) error {
	return patiently(true, func() error { return r.Root.Rename(oldname, newname) })
}

func (r rootFS) Remove(name string) error {
	return patiently(false, func() error { return r.Root.Remove(name) })
}

func (r rootFS) Names(dir string) ([]string, error) {
	d, err := r.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// openRegular opens a regular file. Root follows symlinks inside it, whatever
// O_NOFOLLOW says, and opening a fifo would wait for ever; so the name is looked
// at first, and compared with what was opened.
func openRegular(fsys fsys, name string, flag int) (*os.File, fs.FileInfo, error) { //nolint:unparam // sealFlag is not 0 everywhere
	at, err := fsys.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !at.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("opening %q: %w", name, errNotRegular)
	}
	f, err := fsys.OpenFile(name, flag, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !same(info, at) {
		err = fmt.Errorf("opening %q: %w", name, ErrChanged)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

var errNotRegular = errors.New("not a regular file")

// same says whether a and b are one file, untouched between the two looks.
func same(a, b fs.FileInfo) bool { return sameContent(a, b) && a.Mode() == b.Mode() }

// sameContent is same but for the mode, which Commit changes itself.
func sameContent(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// syncDir forces out the names in a directory.
func syncDir(fsys fsys, dir string) error {
	d, err := fsys.OpenFile(dir, dirFlag, 0o700)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := fsys.Sync(d); err != nil && !cannotSync(err) {
		return fmt.Errorf("forcing out directory %q: %w", d.Name(), err)
	}
	return nil
}

// CheckOwned refuses a directory that others than we and root may write to, and a
// link in its place, which leads to wherever who planted it likes.
func CheckOwned(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	return checkOwned(dir, info)
}

// MayUpdate tells whether we could give a new file the owner of target: the owner
// can, and root.
func MayUpdate(target string) bool {
	info, err := os.Stat(target)
	if err != nil {
		return false
	}
	uid, _ := owner(info)
	us := os.Geteuid() // Windows: -1
	return us <= 0 || us == uid
}

// ReadFile reads a file that WriteFile stored, up to limit+1 bytes. Who else may
// write to the directory could change what is remembered, and a fifo or a device
// in its place would hold us up: both are refused, before anything is opened.
func ReadFile(path string, limit int64) ([]byte, error) {
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if err := checkOwned(filepath.Dir(path), dir); err != nil {
		return nil, err
	}
	fsys, err := openRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer fsys.Close()
	f, _, err := openRegular(fsys, filepath.Base(path), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// WriteFile stores data at path, which then holds either what it held or all of
// data, also after a power cut. The file is private (0600).
func WriteFile(path string, data []byte) (err error) {
	fsys, err := openRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer fsys.Close()
	return writeFile(fsys, ".", filepath.Base(path), data)
}

// RemoveLeftovers removes what WriteFile left in dir where it was killed, of the
// files whose names begin with prefix. The caller sees to it that nobody else writes
// one of those meanwhile.
func RemoveLeftovers(dir, prefix string) error {
	fsys, err := openRoot(dir)
	if err != nil {
		return err
	}
	defer fsys.Close()
	names, err := fsys.Names(".")
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) || !isWrite(name) {
			continue
		}
		if info, lookErr := fsys.Lstat(name); lookErr == nil && !info.IsDir() {
			err = errors.Join(err, fsys.Remove(name))
		}
	}
	return err
}

func writeFile(fsys fsys, dir, name string, data []byte) (err error) {
	temp := filepath.Join(dir, name+"."+random("write"))
	f, err := fsys.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, fsys.Remove(temp))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = fsys.Sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	if err := fsys.Rename(temp, filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(fsys, dir)
}

// randomLength is how long rand.Text is: 26 base32 characters, 130 bits.
const randomLength = 26

// random makes a name that nobody can have planted.
func random(kind string) string { return kind + "-" + rand.Text() }
