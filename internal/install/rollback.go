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

// Rollback puts the backup back in the target's place; the backup is used up. An
// error leaves both as they were, or is a *RollbackFailure.
func (s *Session) Rollback() error {
	if s.closed {
		return errClosed
	}
	return s.rollback()
}

// rollback installs a second name, or a copy, of the backup: until that is in
// place and forced out, the backup itself is not touched.
func (s *Session) rollback() error {
	f, _, err := s.openBackup()
	if err != nil {
		return err
	}
	defer f.Close()
	hash, err := hashOf(f)
	if err != nil {
		return fmt.Errorf("reading backup: %w", err)
	}
	// Nobody wrote down what a backup of v0.1.0 is.
	was := s.journal.Backup
	if s.journal.State == installed && was.Hash != hash {
		return fmt.Errorf("%w: %q is not the file that was replaced", ErrNoBackup, s.backup())
	}
	stage, err := s.spareOf(f, s.backup(), "stage")
	if err != nil {
		return fmt.Errorf("staging backup: %w", err)
	}
	keep, old, err := s.spareTarget("keep")
	if err != nil {
		return fmt.Errorf("keeping the current file: %w", err)
	}
	next := s.journal.begun(restoring)
	next.Old = old
	next.New = content{Version: was.Version, Hash: hash, Size: stage.info.Size(), ModTime: stage.info.ModTime()}
	if s.aside {
		next.Aside = store.RandomName("aside")
	}
	if err = s.write(next); err == nil {
		err = s.swap(stage.name, stage.info, s.kept(next, keep))
	}
	if err == nil {
		// Recover would do the rest, so nothing of it is a failure.
		_ = s.finishRollback(next)
		return nil
	}
	if _, ok := errors.AsType[*RollbackFailure](err); ok {
		return err
	}
	return errors.Join(err, s.write(next.undone()))
}

// finishRollback removes the backup that is the target now: nobody is to go back
// to it twice.
func (s *Session) finishRollback(j record) error {
	used, err := s.holds(s.backup(), j.New)
	if err == nil && used {
		err = s.fsys.Remove(s.backup())
	}
	if err == nil {
		err = store.SyncDir(s.fsys, ".")
	}
	if err != nil {
		return fmt.Errorf("removing the backup that was put back: %w", err)
	}
	return s.write(j.settled())
}

// openBackup opens the backup if it can be one that Commit made: a regular,
// non-empty file of the target's owner, with no other name.
func (s *Session) openBackup() (*os.File, fs.FileInfo, error) {
	f, info, err := store.OpenRegular(s.fsys, s.backup(), os.O_RDONLY)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("%q: %w", s.backup(), ErrNoBackup)
	case errors.Is(err, store.ErrNotRegular):
		return nil, nil, fmt.Errorf("%w: %w", ErrNoBackup, err)
	case err != nil:
		return nil, nil, fmt.Errorf("opening backup: %w", err)
	}
	uid, gid := store.Owner(s.old)
	u, g := store.Owner(info)
	n, err := links(f)
	switch {
	case err != nil:
	case n != 1:
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
