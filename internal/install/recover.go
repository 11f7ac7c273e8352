// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/choria-io/go-updater/internal/store"
)

// Recovery reports what Recover did.
type Recovery struct {
	Finished bool   // an interrupted update or rollback was finished
	Undone   bool   // an interrupted update or rollback was undone
	Restored bool   // the old file was restored: the program should restart
	Failed   string // the version that was given up, or empty
	Back     string // the version that was restored instead, or empty if that is not known
	Starts   int    // of the version on probation, this one included
	Limit    int    // allowed starts, 0 without probation
}

// Recover finishes or undoes an interrupted update or rollback of target, and counts a
// start of the version on probation. After more starts than allowed without Confirm, or
// after more time, it restores the backup. If there is nothing to do it writes nothing and
// takes no lock. While an update is running there is nothing to recover. It returns
// ErrJournal if the journal is damaged.
//
// If a version is to be given up but its backup is missing or was changed, the version
// stays and its probation ends. The error is ErrNoBackup, once.
func Recover(ctx context.Context, target string, o Options) (Recovery, error) {
	return recoverTarget(ctx, target, o, false)
}

func recoverTarget(ctx context.Context, target string, o Options, judge bool) (r Recovery, err error) {
	if store.Outsider(target, o.Shared) {
		return r, nil
	}
	s, err := newSession(target, o)
	if err != nil {
		return r, err
	}
	err = s.recoverStart(ctx, judge)
	return s.recovered, errors.Join(err, s.Close())
}

// recoverStart recovers the target, and counts a start of the version on probation.
func (s *Session) recoverStart(ctx context.Context, judge bool) error {
	if found, err := s.look(); !found || err != nil {
		return err
	}
	leftovers, err := s.hasLeftovers()
	if err != nil {
		return err
	}
	if leftovers || !s.journal.atRest() || s.statTarget() == nil && s.journal.putBack(s.old) {
		if err := s.lockAndRecover(ctx, false); err != nil {
			// What is left over does no harm.
			if err = unlessLocked(unlessReadOnly(err)); err != nil || !s.journal.atRest() {
				return err
			}
		}
	}
	if s.damaged != nil {
		return s.damaged
	}
	if s.journal.onProbation() {
		return s.countStart(ctx, judge)
	}
	return nil
}

// hasLeftovers reports whether the work directory has files of an update that was
// interrupted, or is running.
func (s *Session) hasLeftovers() (bool, error) {
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
	return slices.ContainsFunc(names, func(name string) bool {
		return name == lockFile || name == journalLock && !s.journalHeld() || kindOf(name) != "" || store.IsTemporary(name)
	}), nil
}

// recover finishes or undoes the update or rollback in the journal. It reads the target
// to see how far that came. It may be interrupted itself, after any step.
func (s *Session) recover() error {
	j := s.journal
	if j.atRest() {
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
		j = j.failed(j.New, FailedHealthCheck, s.now())
	}
	if err := store.SyncDir(s.fsys, "."); err != nil {
		return err
	}
	s.recovered.Finished, s.recovered.Undone = isNew, !isNew
	switch {
	case isNew && j.State == swapping:
		return s.leave(j, record.finished)
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
	if err := s.statTarget(); err != nil {
		return err
	}
	// One handle for checks and copy: the owner of the directory may exchange the file
	// between two. It may have another name, if this was interrupted before.
	f, _, err := s.openOfOwner(from)
	if err != nil {
		return errors.Join(fmt.Errorf("%w: %q cannot be restored", ErrNoBackup, from), err)
	}
	defer f.Close()
	if hash, err := hashOf(f); err != nil || hash != j.Old.Hash {
		return errors.Join(fmt.Errorf("%w: %q is not the file that was replaced", ErrNoBackup, from), err)
	}
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
		return s.leave(j, record.undone) // the backup was not replaced
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
	return s.leave(j, record.undone)
}
