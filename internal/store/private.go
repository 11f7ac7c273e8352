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
	"syscall"
)

// ErrForeign means that what is kept of a target cannot be read by this user, because
// another one updates it. For this user nothing is remembered.
var ErrForeign = errors.New("kept by another user")

// User is a user of the system and a group. Both are 0 on Windows.
type User struct{ UID, GID int }

// Access is who runs, and who may use the private directory of a target: see the table
// in the package documentation.
type Access struct {
	Runner int  // effective user id, -1 on Windows
	Owner  User // of the target
	Shared bool // a directory that every user may write to is accepted
}

// AccessTo returns the access of this process to what lies beside target.
func AccessTo(target fs.FileInfo, shared bool) Access {
	uid, gid := Owner(target)
	return Access{Runner: os.Geteuid(), Owner: User{uid, gid}, Shared: shared}
}

func sameOwner(a, b fs.FileInfo) bool {
	ours, _ := Owner(a)
	theirs, _ := Owner(b)
	return ours == theirs
}

// Outsider reports whether the runner may not update the target: it is neither root
// nor the owner. On a shared file system without owners every user may.
func (a Access) Outsider() bool { return a.Runner > 0 && a.Runner != a.Owner.UID && !a.Shared }

// Outsider reports whether this process may not update target, which another user
// owns. It has nothing to recover, count or confirm there.
func Outsider(target string, shared bool) bool {
	info, err := os.Stat(target)
	return err == nil && AccessTo(info, shared).Outsider()
}

// Exposes reports whether the owner of dir, the directory of the target or one above it,
// could have root run what is theirs: dir belongs neither to root nor to the owner of the
// target. They can give the target's name to any file that root left there (T18).
func (a Access) Exposes(dir fs.FileInfo) bool { return a.Runner == 0 && !a.Shared && !a.trusts(dir) }

// Verdict is what to do with a directory that was found where the private one belongs.
type Verdict int

const (
	Refuse  Verdict = iota // a person has to act: the error says how
	Use                    // nothing
	Narrow                 // it is too open: its mode becomes 0700
	Replace                // it is moved aside, and a new one is made
)

// Judge returns what a runner who is no Outsider does with the directory found at path,
// in the directory above. Another user must not be able to write to it, nor have been:
// then what is in it may be theirs. A group that may write to the directory above can
// replace the target, and is trusted.
func (a Access) Judge(path string, found, above fs.FileInfo) (Verdict, error) {
	uid, _ := Owner(found)
	switch {
	case !found.IsDir():
		return Refuse, fmt.Errorf("%w: %q is not a directory (remove it)", ErrUnsafeDirectory, path)
	case a.Runner < 0:
		return Use, nil
	case uid != a.Owner.UID:
		return Replace, nil
	case othersMayWrite(found, writers(above)) && !a.Shared:
		return Refuse, fmt.Errorf("%w: others could write to %q: if you trust what is in it, chmod go-w, else remove it; "+
			"where the file system has no modes, install the program elsewhere, or accept that with InsecureSharedDirectory()",
			ErrUnsafeDirectory, path)
	case found.Mode().Perm() != 0o700:
		return Narrow, nil
	}
	return Use, nil
}

// PlaceFS is the directory above a private one.
type PlaceFS interface {
	FS
	Narrow(name string, found fs.FileInfo) error
}

// Settle makes the directory name, at path, fit to be used. It returns fs.ErrNotExist
// if it has to be made: there is none, or another user's was moved aside.
func (a Access) Settle(above PlaceFS, name, path string) error {
	found, err := above.Lstat(name)
	if err != nil {
		return err
	}
	parent, err := above.Lstat(filepath.Dir(name))
	if err != nil {
		return err
	}
	verdict, err := a.Judge(path, found, parent)
	switch verdict {
	case Narrow:
		// An error is ignored: nobody else can write to it, and on a file system with
		// fixed modes there is none.
		_ = above.Narrow(name, found)
	case Replace:
		return a.replace(above, name, path, found)
	}
	return err
}

// replace moves a directory of another user aside, or removes it if it is empty. What
// is in it keeps owner and content.
func (a Access) replace(above PlaceFS, name, path string, found fs.FileInfo) error {
	gone := fmt.Errorf("%q was of another user: %w", path, fs.ErrNotExist)
	if above.Remove(name) == nil {
		return gone
	}
	// Another process may be making it: root gives it to its owner once it is there.
	if now, err := above.Lstat(name); err != nil || !a.foreign(now, found) {
		return gone
	}
	aside := name + "." + RandomName("aside")
	if err := above.Rename(name, aside); errors.Is(err, fs.ErrNotExist) {
		return gone
	} else if err != nil {
		uid, _ := Owner(found)
		advice := "that user or root has to remove it"
		if errors.Is(err, syscall.EXDEV) { // overlay: a directory of a lower layer cannot be renamed
			advice = "it is of a container image: give it to the owner of the program there, with chown -R, or remove it"
		}
		return fmt.Errorf("%w: %q belongs to user %d (%s): %w", ErrUnsafeDirectory, path, uid, advice, err)
	}
	if moved, err := above.Lstat(aside); err == nil && !a.foreign(moved, found) {
		// Another process was faster: it is a new one. If there is one again, an empty
		// one goes.
		if above.Rename(aside, name) != nil {
			_ = above.Remove(aside)
		}
	}
	return gone
}

// foreign reports whether a directory is still the one of another user that was found.
func (a Access) foreign(now, found fs.FileInfo) bool {
	uid, _ := Owner(now)
	return os.SameFile(now, found) && uid != a.Owner.UID
}
