// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/choria-io/go-updater/internal/store"
)

// swap renames stage over the target. With renameAside it renames the target to
// oldFile.name first. If it does not end with the file stage installed and synced, it
// restores the old file from oldFile.
func (s *Session) swap(stage, oldFile namedFile) error {
	if err := errors.Join(s.checkFile(stage.name, stage), s.checkFile(s.base, s.oldTarget(oldFile))); err != nil {
		return err
	}
	if s.renameAside {
		if err := s.moveAside(oldFile.name); err != nil {
			return s.restoreTarget(oldFile, fmt.Errorf("moving the old file aside: %w", err))
		}
	}
	err := s.fsys.Rename(stage.name, s.base)
	if err == nil {
		// The staged file may have been replaced between the check and the rename.
		err = s.checkFile(s.base, stage)
	}
	if err == nil {
		err = store.SyncDir(s.fsys, ".")
	}
	if err != nil {
		return s.restoreTarget(oldFile, fmt.Errorf("replacing the file: %w", err))
	}
	return nil
}

// oldTarget returns what is known of the target before the swap.
func (s *Session) oldTarget(oldFile namedFile) namedFile {
	return namedFile{name: s.base, info: s.old, hash: oldFile.hash}
}

// moveAside renames the target, which may be running, to a name in the work directory.
func (s *Session) moveAside(to string) error {
	if err := s.fsys.Rename(s.base, to); err != nil {
		return err
	}
	s.movedAside = append(s.movedAside, to)
	return nil
}

// checkFile returns ErrChanged unless the file called name is want.
func (s *Session) checkFile(name string, want namedFile) error {
	info, err := s.fsys.Lstat(name)
	if err != nil {
		return err
	}
	same := store.Same(info, want.info)
	if !same && !s.renameAside { // the file systems of Windows do neither
		same, err = s.alike(name, want)
	}
	if !same {
		return errors.Join(fmt.Errorf("%q: %w", name, ErrChanged), err)
	}
	return nil
}

// alike tells file systems that renumber files, or round their times, from attackers:
// content, owner and mode are those of want, and want has the name that it had.
func (s *Session) alike(name string, want namedFile) (bool, error) {
	f, info, err := store.OpenRegular(s.fsys, name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrNotRegular) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	uid, gid := store.Owner(info)
	u, g := store.Owner(want.info)
	if want.hash == "" || uid != u || gid != g || info.Mode() != want.info.Mode() || info.Size() != want.info.Size() {
		return false, nil
	}
	if want.file != nil { // a file that was replaced has no name any more
		for _, of := range []*os.File{want.file, f} {
			if n, err := links(of); n != 1 || err != nil {
				return false, err
			}
		}
	}
	hash, err := hashOf(f)
	return hash == want.hash, err
}

// restoreTarget makes the target the old file again, and returns cause or a
// *RollbackFailure. It does not trust cause about what was done: on a network file
// system a rename can succeed and return an error.
func (s *Session) restoreTarget(oldFile namedFile, cause error) error {
	at, err := s.fsys.Lstat(s.base)
	if err == nil && (os.SameFile(at, s.old) || s.checkFile(s.base, s.oldTarget(oldFile)) == nil) {
		return cause
	}
	present := err == nil
	err = s.checkFile(oldFile.name, oldFile)
	if err == nil && s.renameAside && present {
		// The new file may be running already, and then cannot be replaced.
		err = s.moveAside(s.workPath(store.RandomName("aside")))
	}
	if err == nil {
		err = s.fsys.Rename(oldFile.name, s.base)
	}
	if err != nil {
		// The next update removes no file called saved-*.
		if saved := s.workPath(store.RandomName("saved")); oldFile.name != s.backup() && s.fsys.Rename(oldFile.name, saved) == nil {
			oldFile.name = saved
		}
		return &RollbackFailure{Cause: cause, Err: fmt.Errorf("it is at %q: %w", oldFile.name, err)}
	}
	// If this fails, a power cut may leave the old or the new file. Both are complete.
	if err := store.SyncDir(s.fsys, "."); err != nil {
		return errors.Join(cause, err)
	}
	return cause
}
