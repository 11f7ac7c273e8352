// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/choria-io/go-updater/internal/store"
)

// Recovery reports what Recover did.
type Recovery struct {
	Finished bool   // an interrupted update or rollback was finished
	Undone   bool   // an interrupted update or rollback was undone
	Restored bool   // the old file was restored: the program should restart
	Failed   string // the version that was given up, or empty
	Starts   int    // of the version on probation, this one included
	Limit    int    // allowed starts, 0 without probation
}

// Recover finishes or undoes an interrupted update or rollback of target, and counts a
// start of the version on probation. After more starts than allowed without Confirm it
// restores the backup. If there is nothing to do it writes nothing. It returns ErrLocked
// while an update is running, and ErrJournal if the journal is damaged.
//
// If a version is to be given up but its backup is missing or was changed, the version
// stays and its probation ends. The error is ErrNoBackup, once.
func Recover(ctx context.Context, target string, opts Options) (Recovery, error) {
	return recoverTarget(ctx, target, opts, openRoot, time.Now)
}

func recoverTarget(ctx context.Context, target string, opts Options, open func(string) (fsys, error), now func() time.Time) (r Recovery, err error) {
	if store.Outsider(target, opts.Shared) {
		return r, nil
	}
	s, err := newSession(target, opts, open)
	if err != nil {
		return r, err
	}
	if busy, err := s.hasWork(); err != nil || !busy {
		return r, errors.Join(err, s.Close())
	}
	if err := s.lockAndRecover(ctx, false); err != nil {
		return s.recovered, errors.Join(s.unlessReadOnly(err), s.Close())
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if s.damaged != nil {
		return s.recovered, s.damaged
	}
	err = s.countStart(now())
	return s.recovered, err
}

// hasWork reports whether the work directory has files of an update.
func (s *Session) hasWork() (bool, error) {
	if found, err := s.openWorkDir(); !found || err != nil {
		return false, err
	}
	names, err := s.fsys.Names(s.work)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for an interrupted update: %w", err)
	}
	if len(names) == 0 {
		// An update was stopped before it created the lock.
		s.removeWorkDir()
	}
	for _, name := range names {
		if name == journalFile || name == lockFile || kindOf(name) != "" || store.IsTemporary(name) {
			return true, nil
		}
	}
	return false, nil
}

// Confirm ends the probation of target. It does nothing without a probation, or before
// Recover has counted a start: then the caller is a process of the version before. It
// returns ErrLocked while an update is running, and ErrJournal if the journal is
// damaged.
func Confirm(ctx context.Context, target string, opts Options) error {
	return confirm(ctx, target, opts, openRoot)
}

func confirm(ctx context.Context, target string, opts Options, open func(string) (fsys, error)) (err error) {
	if store.Outsider(target, opts.Shared) || store.Elevated() {
		return nil
	}
	s, err := newSession(target, opts, open)
	if err != nil {
		return err
	}
	if busy, err := s.hasWork(); err != nil || !busy {
		return errors.Join(err, s.Close())
	}
	if err := s.lockAndRecover(ctx, false); err != nil {
		return errors.Join(s.unlessReadOnly(err), s.Close())
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	switch {
	case s.damaged != nil:
		return s.damaged
	case s.journal.State != installed || s.journal.Probation == 0 || s.journal.Starts == 0:
		return nil
	}
	next := s.journal
	next.Probation, next.Starts = 0, 0
	return s.writeJournal(next)
}

// countStart counts a start of the version on probation, or gives it up.
func (s *Session) countStart(now time.Time) error {
	j := s.journal
	if j.State != installed || j.Probation == 0 || store.Elevated() {
		return nil
	}
	if !j.New.matches(s.old) || j.Starts >= j.Probation {
		// A file that another program installed is not on probation. A different time
		// does not prove that, as some file systems change times. Nor does an equal
		// time, as an archive may preserve times. So before the version is given up
		// its hash is compared.
		if same, err := s.has(s.base, j.New); err != nil {
			return err
		} else if !same {
			return s.writeJournal(j.cleared())
		}
	}
	j.Starts++
	s.recovered.Starts, s.recovered.Limit = j.Starts, j.Probation
	if j.Starts <= j.Probation {
		return s.writeJournal(j)
	}
	s.recovered.Failed = j.New.Version
	if err := s.writeJournal(j.withFailure(now)); err != nil {
		return err
	}
	err := s.rollback()
	if errors.Is(err, ErrNoBackup) {
		ended := s.journal
		ended.Probation, ended.Starts = 0, 0
		return errors.Join(fmt.Errorf("giving up version %q: %w", j.New.Version, err), s.writeJournal(ended))
	}
	if err != nil {
		return fmt.Errorf("giving up version %q: %w", j.New.Version, err)
	}
	s.recovered.Restored = true
	return nil
}

// recover finishes or undoes the update or rollback in the journal. It reads the target
// to see how far that came. It may be interrupted itself, after any step.
func (s *Session) recover() error {
	j := s.journal
	if j.State != swapping && j.State != restoring {
		return nil
	}
	if err := s.restoreMissingTarget(j); err != nil {
		return err
	}
	isNew, err := s.has(s.base, j.New)
	if err != nil {
		return err
	}
	if isNew && j.Check {
		// The result of the health check is not known.
		err := s.restoreOld(j)
		if errors.Is(err, ErrNoBackup) {
			// It cannot be undone, so it is finished. The error is returned once.
			return errors.Join(err, s.writeJournal(j.finished()))
		}
		if err != nil {
			return err
		}
		isNew, s.recovered.Restored = false, true
	}
	if err := store.SyncDir(s.fsys, "."); err != nil {
		return err
	}
	s.recovered.Finished, s.recovered.Undone = isNew, !isNew
	switch {
	case isNew && j.State == swapping:
		return s.writeJournal(j.finished())
	case isNew:
		return s.finishRollback(j)
	case j.State == swapping:
		return s.undoSwap(j)
	}
	return s.writeJournal(j.undone())
}

// restoreMissingTarget renames the old file back if there is no target: with renameAside
// an update may be interrupted between its two renames.
func (s *Session) restoreMissingTarget(j record) error {
	if _, err := s.fsys.Lstat(s.base); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if j.Aside == "" {
		return fmt.Errorf("target %q: %w", s.Target(), fs.ErrNotExist)
	}
	return s.fsys.Rename(s.workPath(j.Aside), s.base)
}

// restoreOld replaces the target by the file that it was before the swap.
func (s *Session) restoreOld(j record) error {
	from := s.backup()
	if j.Keep != "" {
		from = s.workPath(j.Keep)
	}
	if intact, err := s.has(from, j.Old); err != nil || !intact {
		return errors.Join(fmt.Errorf("%w: %q is not the file that was replaced", ErrNoBackup, from), err)
	}
	if err := s.statTarget(); err != nil {
		return err
	}
	f, _, err := store.OpenRegular(s.fsys, from, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	stage, err := s.linkOrCopy(f, from, "stage")
	if err != nil {
		return err
	}
	current, _, err := s.linkOrCopyTarget("keep")
	if err != nil {
		return err
	}
	if s.renameAside {
		current = namedFile{name: s.workPath(store.RandomName("aside")), info: s.old, hash: current.hash}
	}
	stage.hash = j.Old.Hash
	return s.swap(stage, current)
}

// undoSwap removes our backup. removeLeftovers then restores the older one.
func (s *Session) undoSwap(j record) error {
	if j.Keep != "" {
		return s.writeJournal(j.undone()) // the backup was not replaced
	}
	ours, err := s.has(s.backup(), j.Old)
	if err != nil {
		return err
	}
	if ours && j.Older != "" {
		// If the older backup was not moved, this is it, with the same content.
		_, err := s.fsys.Lstat(s.workPath(j.Older))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		ours = err == nil
	}
	if ours {
		if err := s.fsys.Remove(s.backup()); err != nil {
			return err
		}
	}
	if err := store.SyncDir(s.fsys, "."); err != nil {
		return err
	}
	return s.writeJournal(j.undone())
}
