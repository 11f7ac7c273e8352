// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package store keeps small files between updates: private to the user who
// updates, replaced whole, and safe against a crash. It has the lock that excludes
// two updates, and the format with a checksum in which facts are written down.
//
//   - [Acquire] locks a file; the lock ends with the process that holds it.
//   - [Write] and [Read] are for one file in an open directory.
//   - [Format] and [Parse] write and read [Fields] with a checksum.
//   - [Dir] is the directory of one target. It is checked at each use: another
//     user must not be able to write to it.
package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	dirLock = "store.lock"

	// lockPause is the time between two attempts to lock.
	lockPause = 20 * time.Millisecond
)

// Dir is a private directory (0700) that holds what is remembered of one target.
// It is made when something is first written. The zero Dir has no place: its Read
// returns fs.ErrNotExist, and its Update fails. It is safe for concurrent use.
type Dir struct {
	root   string   // the directory that is made first
	beside string   // the target, if root lies beside it; "" where the user chose root
	sub    []string // below root
}

// Beside returns the work directory of target, both with symbolic links resolved.
// A user who cannot update the target does not make it, because the owner's update
// would refuse the directory then.
func Beside(work, target string) Dir { return Dir{root: work, beside: target} }

// In returns the directory of target below one that the user chose. That may be
// a symbolic link; what is below it may not.
func In(dir, target string) Dir {
	sum := sha256.Sum256([]byte(target))
	return Dir{root: dir, sub: []string{filepath.Base(target) + "-" + hex.EncodeToString(sum[:4])}}
}

// Sub returns a directory below d.
func (d Dir) Sub(name string) Dir {
	d.sub = append(slices.Clone(d.sub), name)
	return d
}

// IsZero reports whether d is the zero Dir.
func (d Dir) IsZero() bool { return d.root == "" }

// Path returns where the directory is, or will be.
func (d Dir) Path() string { return filepath.Join(append([]string{d.root}, d.sub...)...) }

// Read returns a file of at most limit bytes, and limit+1 bytes of a longer one.
// It returns fs.ErrNotExist if the file does not exist, and [ErrUnsafeDirectory]
// if another user may have changed it.
func (d Dir) Read(name string, limit int64) ([]byte, error) {
	if d.IsZero() {
		return nil, fs.ErrNotExist
	}
	if err := d.each(d.check); err != nil {
		return nil, err
	}
	dir, err := OpenRoot(d.Path())
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return Read(dir, name, limit)
}

// Write stores files, in their order. After a crash each of them holds what it held
// before or all of its data. It takes no lock: of two calls for one file, one may
// fail. See [Dir.Update] for files that depend on what is there.
func (d Dir) Write(files ...File) error {
	dir, err := d.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	return writeAll(dir, files)
}

// Update calls change while no other process is in Update of the same directory,
// and stores the files that it returns, as Write does. change may call Read. It waits
// for other processes until ctx is done.
func (d Dir) Update(ctx context.Context, change func() ([]File, error)) (err error) {
	dir, err := d.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	held, err := acquire(ctx, dir)
	if err != nil {
		return err
	}
	// Removed while it is held, so that nothing of it stays: see Acquire.
	defer func() { err = errors.Join(err, dir.Remove(dirLock), held.Release()) }()
	files, err := change()
	if err != nil {
		return err
	}
	return writeAll(dir, files)
}

// open opens the directory, and makes it if it does not exist.
func (d Dir) open() (Root, error) {
	if d.IsZero() {
		return Root{}, errors.New("no directory to store in: there is no target")
	}
	if err := d.make(); err != nil {
		return Root{}, err
	}
	return OpenRoot(d.Path())
}

// make makes the directories that do not exist.
func (d Dir) make() error {
	if _, err := os.Lstat(d.root); d.beside != "" && errors.Is(err, fs.ErrNotExist) && !MayUpdate(d.beside) {
		return fmt.Errorf("making %q: %w: only the owner of the target may (use StateDir())", d.root, fs.ErrPermission)
	}
	if d.beside == "" {
		if err := os.MkdirAll(d.root, 0o700); err != nil {
			return err
		}
	}
	return d.each(func(path string) error {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return d.check(path)
	})
}

// check refuses a directory that another user may write to, and a symbolic link
// anywhere but at a root that the user chose.
func (d Dir) check(path string) error {
	if path != d.root || d.beside != "" {
		return CheckOwned(path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return checkOwned(path, info)
}

// each visits the directories from the top.
func (d Dir) each(visit func(path string) error) error {
	path := d.root
	if err := visit(path); err != nil {
		return err
	}
	for _, name := range d.sub {
		path = filepath.Join(path, name)
		if err := visit(path); err != nil {
			return err
		}
	}
	return nil
}

// acquire waits for the lock of a directory.
func acquire(ctx context.Context, dir Root) (*Lock, error) {
	for {
		held, err := Acquire(dir, dirLock)
		if err == nil || !errors.Is(err, ErrHeld) {
			return held, err
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for %w: %w", ErrHeld, ctx.Err())
		}
	}
}

// removeTemporary removes what killed writers left of files that are written
// again. Other names are not touched: an installer may be writing beside us.
func removeTemporary(dir Root, files []File) error {
	names, err := dir.Names(".")
	for _, name := range names {
		ours := slices.ContainsFunc(files, func(f File) bool {
			suffix, ok := strings.CutPrefix(name, f.Name+".")
			return ok && KindOf(suffix) == "write"
		})
		if ours {
			err = errors.Join(err, dir.Remove(name))
		}
	}
	return err
}

// writeAll stages and syncs all files, renames them in order, and syncs the
// directory once.
func writeAll(dir Root, files []File) (err error) {
	if len(files) == 0 {
		return nil
	}
	if err := removeTemporary(dir, files); err != nil {
		return err
	}
	var staged []string
	defer func() {
		for _, temp := range staged {
			err = errors.Join(err, dir.Remove(temp))
		}
	}()
	for _, f := range files {
		temp, err := stage(dir, ".", f.Name, f.Data)
		if err != nil {
			return err
		}
		staged = append(staged, temp)
	}
	for _, f := range files {
		if err := dir.Rename(staged[0], f.Name); err != nil {
			return err
		}
		staged = staged[1:]
	}
	return SyncDir(dir, ".")
}
