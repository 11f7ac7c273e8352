// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// CheckOwned refuses a directory that another user than we and root may write to,
// and a symbolic link in its place.
func CheckOwned(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	return checkOwned(dir, info)
}

// MayUpdate reports whether we could give a new file the owner of target: the
// owner can, and root.
func MayUpdate(target string) bool {
	info, err := os.Stat(target)
	if err != nil {
		return false
	}
	uid, _ := Owner(info)
	us := os.Geteuid() // Windows: -1
	return us <= 0 || us == uid
}

// ReadFile reads a file that [WriteFile] stored, up to limit+1 bytes. It returns
// ErrUnsafeDirectory where another user could have changed what is remembered.
func ReadFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if err := checkOwned(filepath.Dir(path), info); err != nil {
		return nil, err
	}
	dir, err := OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return Read(dir, filepath.Base(path), limit)
}

// WriteFile is [Write] by path.
func WriteFile(path string, data []byte) error {
	dir, err := OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return Write(dir, ".", filepath.Base(path), data)
}

// RemoveLeftovers removes temporary files of killed writes from dir, of the files
// whose names begin with prefix. No other process may write one of those meanwhile.
func RemoveLeftovers(dir, prefix string) error {
	root, err := OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	names, err := root.Names(".")
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) || !IsTemporary(name) {
			continue
		}
		if info, lookErr := root.Lstat(name); lookErr == nil && !info.IsDir() {
			err = errors.Join(err, root.Remove(name))
		}
	}
	return err
}
