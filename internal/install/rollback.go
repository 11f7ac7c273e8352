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

// Rollback replaces the target by the backup, and removes the backup. It returns
// ErrNoBackup if there is none. After an error both are what they were, or the error is
// a *RollbackFailure.
func (s *Session) Rollback() error {
	if s.closed {
		return errClosed
	}
	return s.rollback(RolledBack)
}

// rollback installs a link to the backup, or a copy, and remembers why the target was left.
// The backup itself stays until that is installed and synced.
func (s *Session) rollback(why Reason) error {
	f, _, err := s.openBackup()
	if err != nil {
		return err
	}
	defer f.Close()
	hash, err := hashOf(f)
	if err != nil {
		return fmt.Errorf("reading backup: %w", err)
	}
	// The hash of a backup of v0.1.0 is not known.
	was := s.journal.Backup
	if s.journal.State == installed && was.Hash != hash {
		return fmt.Errorf("%w: %q is not the file that was replaced", ErrNoBackup, s.backup())
	}
	var next record
	var stage, current namedFile
	tried, err := s.announce(func() (_ record, err error) {
		if why == FailedProbation && !(s.journal.onProbation() && s.journal.Probation.over()) {
			return next, errNoChange // it was confirmed meanwhile
		}
		if stage, err = s.linkOrCopy(f, s.backup(), "stage"); err != nil {
			return next, fmt.Errorf("staging backup: %w", err)
		}
		var old content
		if current, old, err = s.linkOrCopyTarget("keep"); err != nil {
			return next, fmt.Errorf("saving the current file: %w", err)
		}
		if was := s.journal.New; old.Version == "" && was.Hash == old.Hash {
			old.Version = was.Version
		}
		next = s.journal.next(restoring)
		next.Old, next.Reason = old, why
		next.New = content{Version: was.Version, Hash: hash, Size: stage.info.Size(), ModTime: stage.info.ModTime()}
		if s.renameAside {
			next.Aside = store.RandomName("aside")
		}
		return next, nil
	})
	if err == nil {
		stage.hash = hash
		err = s.swap(stage, s.oldFile(next, current))
	}
	if err == nil {
		// An error is ignored: the target is restored, and Recover does the rest.
		_ = s.finishRollback(next)
		return nil
	}
	if _, ok := errors.AsType[*RollbackFailure](err); ok {
		return err
	}
	if tried {
		err = errors.Join(err, s.writeJournal(next.undone()))
	}
	return err
}

// finishRollback removes the backup that was restored, so that the next rollback does
// not find it.
func (s *Session) finishRollback(j record) error {
	same, err := s.has(s.backup(), j.New)
	if err == nil && same {
		err = s.fsys.Remove(s.backup())
	}
	if err == nil {
		err = store.SyncDir(s.fsys, ".")
	}
	if err != nil {
		return fmt.Errorf("removing the backup after it was restored: %w", err)
	}
	return s.writeJournal(j.failed(j.Old, j.Reason, s.now()).restored())
}

// openBackup opens the backup. It returns an error if Commit cannot have made it: if it
// is empty, has another owner than the target, or has other names.
func (s *Session) openBackup() (*os.File, fs.FileInfo, error) {
	f, info, err := s.openOfOwner(s.backup())
	if err != nil {
		return nil, nil, err
	}
	n, err := links(f)
	switch {
	case err != nil:
	case n != 1 && s.journal.State != installed:
		// It may be the target itself, or another file that was linked. If its hash is
		// known a snapshot of hard links does no harm: it is copied.
		err = fmt.Errorf("%w: %q has other names", ErrNoBackup, s.backup())
	case info.Size() == 0:
		err = fmt.Errorf("%w: %q is empty", ErrNoBackup, s.backup())
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// openOfOwner opens a file that is to become the target. Its owner has to be that of the
// target, who could else have root copy a file of another user's for them.
func (s *Session) openOfOwner(name string) (*os.File, fs.FileInfo, error) {
	f, info, err := store.OpenRegular(s.fsys, name, os.O_RDONLY)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("%q: %w", name, ErrNoBackup)
	case errors.Is(err, store.ErrNotRegular):
		return nil, nil, fmt.Errorf("%w: %w", ErrNoBackup, err)
	case err != nil:
		return nil, nil, fmt.Errorf("opening backup: %w", err)
	}
	uid, gid := store.Owner(s.old)
	if u, g := store.Owner(info); u != uid || g != gid {
		_ = f.Close()
		return nil, nil, fmt.Errorf("%w: %w: %q belongs to user %d and group %d", ErrNoBackup, ErrOwner, name, u, g)
	}
	return f, info, nil
}
