// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

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
	root   string // the directory that is made first
	target string
	chosen bool     // root is a directory that the user chose, and lies not beside the target
	shared bool     // see Access
	sub    []string // below root
}

// Beside returns the work directory of target, both with symbolic links resolved. The
// table in the package documentation says who may use it.
func Beside(work, target string) Dir { return Dir{root: work, target: target} }

// In returns the directory of target below one that the user chose. That may be
// a symbolic link; what is below it may not.
func In(dir, target string) Dir {
	sum := sha256.Sum256([]byte(target))
	name := filepath.Base(target) + "-" + hex.EncodeToString(sum[:4])
	return Dir{root: dir, target: target, chosen: true, sub: []string{name}}
}

// Shared returns d, with directories accepted that every user may write to.
func (d Dir) Shared(accept bool) Dir {
	d.shared = accept
	return d
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
// It returns fs.ErrNotExist if the file does not exist, [ErrForeign] if it is kept for
// another user, and [ErrUnsafeDirectory] if another user may have changed it.
func (d Dir) Read(name string, limit int64) ([]byte, error) {
	if d.IsZero() {
		return nil, fs.ErrNotExist
	}
	dir, err := d.open(false)
	if err != nil {
		return nil, foreign(err)
	}
	defer dir.Close()
	data, err := Read(dir, name, limit)
	return data, foreign(err)
}

// foreign returns an ErrForeign for what this user may not read.
func foreign(err error) error {
	if errors.Is(err, fs.ErrPermission) && !errors.Is(err, ErrForeign) {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return err
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

// tryOpen goes down by handles: each directory is checked to be the one that was
// opened, because the owner of the directory above can exchange it (T18).
func (d Dir) tryOpen(create bool) (dir Root, err error) {
	access, err := d.access()
	if err != nil {
		return Root{}, err
	}
	path, below := d.root, d.sub
	if d.chosen {
		dir, err = openChosen(d.root, access, create)
	} else {
		path, below = filepath.Dir(d.root), append([]string{filepath.Base(d.root)}, d.sub...)
		dir, err = OpenRoot(path)
		dir.CreateFor(access.Owner)
	}
	for _, name := range below {
		if err != nil {
			break
		}
		above := dir
		path = filepath.Join(path, name)
		dir, err = d.openBelow(above, name, path, access, create)
		_ = above.Close()
	}
	return dir, err
}

// access returns who may use the directory. A target that does not exist belongs to us.
func (d Dir) access() (Access, error) {
	info, err := os.Stat(d.target)
	if err != nil {
		us := os.Geteuid()
		return Access{Runner: us, Owner: User{us, os.Getegid()}, Shared: d.shared}, nil
	}
	access := AccessTo(info, d.shared)
	if access.Outsider() && !d.chosen {
		return access, fmt.Errorf("%w: %q is for user %d and root (use StateDir()): %w", ErrForeign, d.root, access.Owner.UID, fs.ErrPermission)
	}
	return access, nil
}

// openBelow opens the directory called name, at path, and makes it if create is set.
func (d Dir) openBelow(above Root, name, path string, access Access, create bool) (Root, error) {
	if create {
		if err := above.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return Root{}, err
		}
		if !d.chosen {
			if err := access.Settle(above, name, path); err != nil {
				return Root{}, err
			}
		}
	}
	found, err := above.Lstat(name)
	if err != nil {
		return Root{}, err
	}
	if d.chosen {
		err = access.checkChosen(path, found)
	} else {
		err = access.checkPrivate(path, found, above)
	}
	if err != nil {
		return Root{}, err
	}
	dir, err := above.Root.OpenRoot(name)
	return sameDir(path, Root{dir, above.owner}, found, err)
}

// checkPrivate returns an error if what is in a directory must not be used.
func (a Access) checkPrivate(path string, found fs.FileInfo, above Root) error {
	parent, err := above.Lstat(".")
	if err != nil {
		return err
	}
	verdict, err := a.Judge(path, found, parent)
	if verdict == Replace {
		return fmt.Errorf("%w: the next update replaces %q", ErrForeign, path)
	}
	return err
}

// sameDir returns an error unless the directory that was opened is the one that was
// found.
func sameDir(path string, dir Root, found fs.FileInfo, err error) (Root, error) {
	if err != nil {
		return Root{}, err
	}
	if opened, err := dir.Stat("."); err != nil || !os.SameFile(opened, found) {
		return Root{}, errors.Join(fmt.Errorf("%w: %q was exchanged while it was opened", ErrUnsafeDirectory, path), err, dir.Close())
	}
	return dir, nil
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
