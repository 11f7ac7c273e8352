// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// File is a file with a private key or with public keys.
type File struct {
	Path string
	Data []byte
	Mode fs.FileMode // 0600 for a private key
}

// ReadFile reads a key file. It returns [ErrMalformed] if the file is larger
// than [MaxFile], and [ErrIsKey] if path is a private key.
func ReadFile(path string) (_ *File, err error) {
	// Errors quote path, which must not be a private key.
	if err := checkName(path); err != nil {
		return nil, fmt.Errorf("reading key: %w", err)
	}
	// O_NONBLOCK: opening a fifo does not wait for its writer. It has no effect
	// on a regular file.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("reading key: %w", hideName(err, path))
	}
	defer f.Close()
	// Stat of the open file, because path may name another one by now.
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading key: %w", err)
	case info.IsDir():
		return nil, fmt.Errorf("reading key: %q is a directory", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("reading key: %q is not a regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading key: %w", err)
	}
	if len(data) > MaxFile {
		return nil, fmt.Errorf("reading %q: %w", path, tooLarge())
	}
	return &File{Path: path, Data: data, Mode: info.Mode()}, nil
}

// exposed returns a warning if other users have access to a private key file.
func (f *File) exposed() string {
	perm := f.Mode.Perm()
	if runtime.GOOS == "windows" || perm&0o077 == 0 {
		return "" // Windows has access control lists and no mode
	}
	return fmt.Sprintf("private key %q is accessible to other users (mode %04o): consider it exposed, and run chmod 600", f.Path, perm)
}

// CreateFiles creates all of the files or none, and syncs them and their
// directories. It returns fs.ErrExist if one of them exists, even as a symbolic
// link, and never writes to it.
func CreateFiles(files ...File) (err error) {
	var created []*ownFile
	defer func() {
		for _, f := range created {
			f.Close()
			if err != nil {
				err = errors.Join(err, f.remove())
			}
		}
	}()
	for _, file := range files {
		f, err := own(os.OpenFile(file.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, file.Mode))
		if err != nil {
			return fmt.Errorf("creating key file: %w", err)
		}
		created = append(created, f)
		if err := writeSynced(f.File, file.Data); err != nil {
			return fmt.Errorf("writing %q: %w", file.Path, err)
		}
	}
	for _, file := range files {
		if err := syncDir(filepath.Dir(file.Path)); err != nil {
			return err
		}
	}
	return nil
}

// ownFile is a file that we created, and its identity.
type ownFile struct {
	*os.File
	info fs.FileInfo
}

func own(f *os.File, err error) (*ownFile, error) {
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &ownFile{f, info}, nil
}

// remove removes the file, unless its name belongs to another file by now.
func (f *ownFile) remove() error {
	now, err := os.Lstat(f.Name())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !os.SameFile(f.info, now):
		return nil
	}
	return os.Remove(f.Name())
}

// ReplaceFile atomically replaces the contents of a private key file and syncs
// it: after a crash, path names the complete old file or the complete new one.
// The file keeps its owner, and gets mode 0600. A symbolic link is followed.
func ReplaceFile(path string, data []byte) (err error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("replacing key: %w", err)
	}
	old, err := os.Stat(target)
	if err != nil {
		return fmt.Errorf("replacing key: %w", err)
	}
	// CreateTemp uses O_EXCL, mode 0600 and a random name.
	f, err := own(os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*"))
	if err != nil {
		return fmt.Errorf("replacing key: %w", err)
	}
	defer func() {
		f.Close()
		if err != nil {
			err = errors.Join(err, f.remove())
		}
	}()
	if err := keepOwner(f.File, old); err != nil {
		return fmt.Errorf("replacing key: keeping the owner of %q: %w", target, err)
	}
	if err := writeSynced(f.File, data); err != nil {
		return fmt.Errorf("replacing key: %w", err)
	}
	if runtime.GOOS == "windows" {
		f.Close() // Windows cannot rename an open file
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return fmt.Errorf("replacing key: %w", err)
	}
	return syncDir(filepath.Dir(target))
}

func writeSynced(f *os.File, data []byte) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	// Without a sync, a power cut leaves an empty file in place of the key.
	return f.Sync()
}
