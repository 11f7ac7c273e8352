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

// File is a key file as it was read.
type File struct {
	Path string
	Data []byte
	Mode fs.FileMode
}

// ReadFile reads a key file of either half, at most [MaxFile] bytes.
func ReadFile(path string) (_ *File, err error) {
	// Errors name the file, and a log is no place for a key.
	if isKey(path) {
		return nil, fmt.Errorf("reading key: %w", ErrIsKey)
	}
	// O_NONBLOCK so that a fifo put in the place of the file can't hold us up;
	// on a regular file it means nothing.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("reading key: %w", err)
	}
	defer f.Close()
	// The open file is asked, not the path, which may name another by now.
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
		return nil, fmt.Errorf("reading %q: %w: more than %d bytes", path, ErrMalformed, MaxFile)
	}
	return &File{Path: path, Data: data, Mode: info.Mode()}, nil
}

// exposed tells what is wrong with the permissions of a private key file.
func (f *File) exposed() string {
	perm := f.Mode.Perm()
	if runtime.GOOS == "windows" || perm&0o077 == 0 {
		return "" // Go makes the mode up on Windows, where lists govern access
	}
	return fmt.Sprintf("private key %q is open to other users (mode %04o): chmod 600 it, and consider it known", f.Path, perm)
}

// NewFile is a file to be made by [CreateFiles].
type NewFile struct {
	Path string
	Data []byte
	Mode fs.FileMode // 0600 for a private key
}

// CreateFiles makes all of the files or none. A file that is there already, or
// a symbolic link, is never written to: errors.Is(err, fs.ErrExist).
func CreateFiles(files ...NewFile) (err error) {
	var made []*ownFile
	defer func() {
		for _, f := range made {
			f.Close()
			if err != nil {
				err = errors.Join(err, f.remove())
			}
		}
	}()
	for _, n := range files {
		f, err := own(os.OpenFile(n.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, n.Mode))
		if err != nil {
			return fmt.Errorf("creating key file: %w", err)
		}
		made = append(made, f)
		if err := writeSynced(f.File, n.Data); err != nil {
			return fmt.Errorf("writing %q: %w", n.Path, err)
		}
	}
	for _, n := range files {
		if err := syncDir(filepath.Dir(n.Path)); err != nil {
			return err
		}
	}
	return nil
}

// ownFile is a file that we made, and its identity.
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

// remove removes the file, unless its name means another by now.
func (f *ownFile) remove() error {
	there, err := os.Lstat(f.Name())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !os.SameFile(f.info, there):
		return nil
	}
	return os.Remove(f.Name())
}

// ReplaceFile puts data in the place of a private key file, so that the path
// always names a whole file, the old or the new. It is 0600 afterwards,
// whatever it was before, and keeps its owner. A symbolic link is followed.
func ReplaceFile(path string, data []byte) (err error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("replacing key: %w", err)
	}
	old, err := os.Stat(target)
	if err != nil {
		return fmt.Errorf("replacing key: %w", err)
	}
	// CreateTemp is O_EXCL, 0600 and random.
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
		f.Close() // an open file can't be renamed there
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
	// Without it a power cut leaves an empty file where a key was promised.
	return f.Sync()
}
