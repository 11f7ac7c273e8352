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
	dir, err := d.open(false)
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
	dir, err := d.open(true)
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
	dir, err := d.open(true)
	if err != nil {
		return err
	}
	defer dir.Close()
	held, err := AcquireWhenFree(ctx, dir, dirLock)
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

// openAttempts bounds the retries where an installer that ends removes the directory,
// which is empty, while it is being opened.
const openAttempts = 16

// open opens the directory, and makes what does not exist if create is set.
func (d Dir) open(create bool) (dir Root, err error) {
	if d.IsZero() {
		return Root{}, errors.New("no directory to store in: there is no target")
	}
	for range openAttempts {
		dir, err = d.tryOpen(create)
		if !create || !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return dir, err
}

// tryOpen goes down from the root by handles: each directory is checked to be the one
// that was opened, because the owner of the directory above can exchange it (T18).
func (d Dir) tryOpen(create bool) (Root, error) {
	if create {
		if err := d.makeRoot(); err != nil {
			return Root{}, err
		}
	}
	look := os.Lstat
	if d.beside == "" {
		look = os.Stat // the user chose it, and may have chosen a link
	}
	dir, err := openOwned(d.root, look, os.OpenRoot)
	path := d.root
	for _, name := range d.sub {
		if err != nil {
			break
		}
		above := dir
		path = filepath.Join(path, name)
		if create {
			if err = above.Mkdir(name, 0o700); errors.Is(err, fs.ErrExist) {
				err = nil
			}
		}
		if err == nil {
			dir, err = openOwned(path,
				func(string) (fs.FileInfo, error) { return above.Lstat(name) },
				func(string) (*os.Root, error) { return above.Root.OpenRoot(name) })
		}
		_ = above.Close()
	}
	return dir, err
}

// openOwned opens a directory that no other user may write to.
func openOwned(path string, look func(string) (fs.FileInfo, error), open func(string) (*os.Root, error)) (Root, error) {
	info, err := look(path)
	if err != nil {
		return Root{}, err
	}
	if err := checkOwned(path, info); err != nil {
		return Root{}, err
	}
	dir, err := open(path)
	if err != nil {
		return Root{}, err
	}
	if opened, err := dir.Stat("."); err != nil || !os.SameFile(opened, info) {
		return Root{}, errors.Join(fmt.Errorf("%w: %q was exchanged while it was opened", ErrUnsafeDirectory, path), err, dir.Close())
	}
	return Root{dir}, nil
}

// makeRoot makes the first directory.
func (d Dir) makeRoot() error {
	if d.beside == "" {
		return os.MkdirAll(d.root, 0o700)
	}
	if _, err := os.Lstat(d.root); errors.Is(err, fs.ErrNotExist) && !MayUpdate(d.beside) {
		return fmt.Errorf("making %q: %w: only the owner of the target may (use StateDir())", d.root, fs.ErrPermission)
	}
	if err := os.Mkdir(d.root, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
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
