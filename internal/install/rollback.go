// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Rollback puts the backup of target back in its place; the backup is used up.
// An error leaves both as they were, or is a *RollbackFailure.
func Rollback(target string) error { return rollback(target, openRoot) }

func rollback(target string, open func(dir string) (fsys, error)) (err error) {
	s, err := begin(target, open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.rollback()
}

// rollback installs a second name, or a copy, of the backup: until that is in
// place and forced out, the backup itself is not touched.
func (s *Session) rollback() error {
	f, info, err := s.openBackup()
	if err != nil {
		return err
	}
	defer f.Close()
	stage, err := s.spareOf(f, s.backup(), "stage")
	if err != nil {
		return fmt.Errorf("staging backup: %w", err)
	}
	keep, err := s.spareTarget("keep")
	if err != nil {
		return fmt.Errorf("keeping the current file: %w", err)
	}
	if err := s.swap(stage.name, stage.info, keep); err != nil {
		return err
	}
	// The file in place is the backup, whatever becomes of its second name; and
	// a backup that is the target is none, so nobody goes back to it twice.
	if at, err := s.fsys.Lstat(s.backup()); err == nil && os.SameFile(at, info) {
		_ = s.fsys.Remove(s.backup())
	}
	return nil
}

// openBackup opens the backup if it can be one that Commit made: a regular,
// non-empty file of the target's owner, with no other name.
func (s *Session) openBackup() (*os.File, fs.FileInfo, error) {
	f, info, err := openRegular(s.fsys, s.backup(), os.O_RDONLY)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("%q: %w", s.backup(), ErrNoBackup)
	case errors.Is(err, errNotRegular):
		return nil, nil, fmt.Errorf("%w: %w", ErrNoBackup, err)
	case err != nil:
		return nil, nil, fmt.Errorf("opening backup: %w", err)
	}
	uid, gid := owner(s.old)
	u, g := owner(info)
	switch {
	case links(info) != 1:
		// The current file itself, or a file that others know of.
		err = fmt.Errorf("%w: %q has other names", ErrNoBackup, s.backup())
	case info.Size() == 0:
		err = fmt.Errorf("%w: %q is empty", ErrNoBackup, s.backup())
	case u != uid || g != gid:
		err = fmt.Errorf("%w: %q belongs to user %d, group %d", ErrOwner, s.backup(), u, g)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}
