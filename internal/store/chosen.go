// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// openChosen opens a directory that the user chose, and makes it if create is set.
func openChosen(path string, access Access, create bool) (Root, error) {
	if err := access.checkAbove(path); err != nil {
		return Root{}, err
	}
	if create {
		if err := makeAll(path); err != nil {
			return Root{}, err
		}
	}
	found, err := os.Stat(path) // it may be a link
	if err != nil {
		return Root{}, err
	}
	if err := access.checkChosen(path, found); err != nil {
		return Root{}, err
	}
	dir, err := os.OpenRoot(path)
	root := Root{Root: dir}
	if uid, _ := Owner(found); uid == access.Owner.UID {
		root.owner = access.Owner
	}
	return sameDir(path, root, found, err)
}

// makeAll is os.MkdirAll whose mode no umask narrows.
func makeAll(path string) error {
	above := filepath.Dir(path)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || above == path {
		return err
	}
	if err := makeAll(above); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			err = nil
		}
		return err
	}
	_ = os.Chmod(path, 0o700) // a file system may have fixed modes
	return nil
}

// checkChosen returns an error if users other than this one, root and the owner of the
// target may write to a directory.
func (a Access) checkChosen(path string, info fs.FileInfo) error {
	switch {
	case !info.IsDir():
		return fmt.Errorf("%w: %q is not a directory", ErrUnsafeDirectory, path)
	case !a.trusts(info):
		uid, _ := Owner(info)
		return fmt.Errorf("%w: %q belongs to user %d (choose another StateDir())", ErrUnsafeDirectory, path, uid)
	case othersMayWrite(info, -1) && !a.Shared:
		return fmt.Errorf("%w: others may write to %q (chmod go-w)", ErrUnsafeDirectory, path)
	}
	return nil
}

// trusts reports whether the owner of a file may exchange what we keep. In a user
// namespace, "/" and other directories of root's belong to an id that is not mapped.
func (a Access) trusts(info fs.FileInfo) bool {
	uid, _ := Owner(info)
	if uid == 0 || uid == a.Runner || uid == a.Owner.UID {
		return true
	}
	top, err := os.Stat(string(filepath.Separator))
	return err == nil && AccessTo(top, false).Owner.UID == uid
}

// checkAbove returns an error if another user could exchange path: by writing to a
// directory above it, or above what the links in it lead to (T6). What does not exist
// yet can be made in a safe directory only.
func (a Access) checkAbove(path string) error {
	if a.Runner < 0 {
		return nil // Windows: access lists decide
	}
	above := filepath.Dir(path)
	resolved, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) && above != path {
		if err := a.checkAbove(above); err != nil {
			return err
		}
		return a.checkParent(above)
	}
	if err != nil {
		return err
	}
	for _, at := range []string{path, resolved} {
		for at != filepath.Dir(at) {
			at = filepath.Dir(at)
			if err := a.checkParent(at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a Access) checkParent(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && (OpenToAll(info) && !a.Shared || !a.trusts(info)) {
		err = fmt.Errorf("%w: another user may exchange directories in %q (chmod o-w, or choose another StateDir())", ErrUnsafeDirectory, dir)
	}
	return err
}

// OpenToAll reports whether every user may exchange the files of others in a directory.
func OpenToAll(dir fs.FileInfo) bool {
	return othersMayWrite(dir, writers(dir)) && dir.Mode()&fs.ModeSticky == 0
}
