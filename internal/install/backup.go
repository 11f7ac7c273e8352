// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/choria-io/go-updater/internal/store"
)

// installBackup gives the old file, which is linked or copied already, the name of
// the backup. An older backup is moved out of the way.
func (s *Session) installBackup(next record, saved namedFile) error {
	if next.Older != "" {
		// Not renamed over: the older backup would be lost if the swap fails, and
		// nothing would be renamed if both were links to one file.
		if err := s.fsys.Rename(s.backup(), s.workPath(next.Older)); err != nil {
			return err
		}
	}
	if err := s.fsys.Rename(saved.name, s.backup()); err != nil {
		return err
	}
	return store.SyncDir(s.fsys, ".")
}

// nameForOlderBackup returns a name to which the existing backup is moved, or "" if
// there is none.
func (s *Session) nameForOlderBackup() (string, error) {
	info, err := s.fsys.Lstat(s.backup())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case info.IsDir():
		return "", fmt.Errorf("%q is a directory (move it away)", s.backup())
	}
	return store.RandomName("previous"), nil
}

// namedFile is a file, the name that leads to it, and its SHA-256 in hex.
type namedFile struct {
	name string
	info fs.FileInfo
	hash string
	file *os.File // of the staged file, while it is open: it has one name
}

// linkOrCopyTarget links or copies the target to a new name in the work directory. It
// returns the content of the target too.
func (s *Session) linkOrCopyTarget(kind string) (namedFile, content, error) {
	f, info, err := store.OpenRegular(s.fsys, s.base, os.O_RDONLY)
	if err != nil {
		return namedFile{}, content{}, err
	}
	defer f.Close()
	// swap compares the target again. By then it may be the old file again, and this
	// another one.
	if !store.Same(info, s.old) {
		return namedFile{}, content{}, fmt.Errorf("target: %w", ErrChanged)
	}
	c, err := s.contentOfTarget(f, info)
	if err != nil {
		return namedFile{}, content{}, err
	}
	saved, err := s.linkOrCopy(f, s.base, kind)
	saved.hash = c.Hash
	return saved, c, err
}

// linkOrCopy links or copies the open file called name to a new name in the work
// directory. A file with several names is copied, because it could be written to by
// another name. With renameAside every file is copied: a link to a running program is
// in use too, and the next update could not replace it.
func (s *Session) linkOrCopy(f *os.File, name, kind string) (namedFile, error) {
	info, err := f.Stat()
	if err != nil {
		return namedFile{}, err
	}
	n, err := links(f)
	if err != nil {
		return namedFile{}, err
	}
	if !s.renameAside && n == 1 {
		// After an error it is copied: not every file system has links, or gives them
		// the number of the file, and not every kernel permits a link to another
		// user's file.
		to := s.workPath(store.RandomName(kind))
		if s.fsys.Link(name, to) == nil {
			linked, err := s.syncLink(f, info, to)
			if !errors.Is(err, ErrChanged) {
				return linked, err
			}
			if err := s.fsys.Remove(to); err != nil {
				return namedFile{}, err
			}
		}
	}
	to := s.workPath(store.RandomName(kind))
	dst, err := s.fsys.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return namedFile{}, err
	}
	defer dst.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return namedFile{}, err
	}
	copied, err := s.fsys.Copy(dst, f)
	if err != nil {
		return namedFile{}, err
	}
	if copied != info.Size() {
		return namedFile{}, fmt.Errorf("copied %d bytes of %d: %w", copied, info.Size(), ErrChanged)
	}
	if info, err = s.copyMetadata(dst); err != nil {
		return namedFile{}, err
	}
	return namedFile{name: to, info: info}, dst.Close()
}

// syncLink checks that the link leads to the open file f, and syncs f, which may never
// have been synced.
func (s *Session) syncLink(f *os.File, info fs.FileInfo, to string) (namedFile, error) {
	at, err := s.fsys.Lstat(to)
	if err != nil {
		return namedFile{}, err
	}
	if !store.Same(at, info) {
		return namedFile{}, fmt.Errorf("linked file: %w", ErrChanged)
	}
	if err := s.fsys.Sync(f); err != nil {
		return namedFile{}, fmt.Errorf("syncing: %w", err)
	}
	return namedFile{name: to, info: at}, nil
}
