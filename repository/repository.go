// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/choria-io/go-updater/trust"
)

// Repository is a repository in a local directory. Nothing outside the directory
// is read or written, whatever symbolic links it contains (T30). A Repository is
// safe for concurrent use.
type Repository struct {
	root   *os.Root
	dir    string
	made   []string
	onWait func()

	// step is called before each operation on the disk that can fail, or be the
	// last before a kill. Tests fail or stop the work there.
	step func(operation, path string) error

	// flush is (*os.File).Sync, except in tests.
	flush func(f *os.File) error
}

// Open opens the repository in an existing directory. The caller closes it.
func Open(dir string) (*Repository, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("opening repository: %w", err)
	}
	// os.OpenRoot would name an errno.
	if !info.IsDir() {
		return nil, fmt.Errorf("opening repository: %q is not a directory", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening repository: %w", err)
	}

	return &Repository{
		root:  root,
		dir:   dir,
		step:  func(string, string) error { return nil },
		flush: (*os.File).Sync,
	}, nil
}

// Create is [Open], but creates the directory if it does not exist. If nothing
// is published, Close removes the directories that Create made.
func Create(dir string) (*Repository, error) {
	var made []string
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) || d == filepath.Dir(d) {
			break
		}
		made = append(made, d)
	}
	err := os.MkdirAll(dir, 0o755)
	if err != nil {
		removeEmpty(made)
		return nil, fmt.Errorf("creating repository: %w", err)
	}
	r, err := Open(dir)
	if err != nil {
		removeEmpty(made)
		return nil, err
	}
	r.made = made

	return r, nil
}

// Close releases the repository.
func (r *Repository) Close() error {
	err := r.root.Close()
	removeEmpty(r.made)

	return err
}

// removeEmpty removes the directories in order and stops at the first that is
// not empty: os.Remove removes only empty ones.
func removeEmpty(dirs []string) {
	for _, d := range dirs {
		if os.Remove(d) != nil {
			return
		}
	}
}

// OnWait makes a transaction call f, once, if it waits for another process. Call
// it before the repository is used.
func (r *Repository) OnWait(f func()) { r.onWait = f }

// Contains reports whether a file is inside the repository, or a symbolic link to
// or from there. A private key inside would be served with it (T16).
func (r *Repository) Contains(file string) (bool, error) {
	root, err := r.root.Stat(".")
	if err != nil {
		return false, err
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return false, err
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return false, err
	}
	// Both count: a web server follows a link inside the tree to a key outside.
	for _, p := range []string{abs, real} {
		for d := filepath.Dir(p); ; d = filepath.Dir(d) {
			if info, err := os.Stat(d); err == nil && os.SameFile(info, root) {
				return true, nil
			}
			if d == filepath.Dir(d) {
				break
			}
		}
	}

	return false, nil
}

// readDocument reads at most one byte more than clients do. Package trust refuses
// a document of that length.
func (r *Repository) readDocument(ctx context.Context, l Location) ([]byte, error) {
	return r.readRegular(ctx, l.document())
}

func (r *Repository) readRegular(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := r.openRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()

	return io.ReadAll(io.LimitReader(f, trust.MaxDocument+1))
}

// openRegular opens a regular file. Opening a named pipe would block.
func (r *Repository) openRegular(name string) (*os.File, error) {
	info, err := r.root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrMissing, name)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrMissing, name)
	}

	return r.root.Open(name)
}

func (r *Repository) readDir(dir string) ([]fs.DirEntry, error) {
	return fs.ReadDir(r.root.FS(), dir)
}
