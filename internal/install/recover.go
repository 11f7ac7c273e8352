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

// Recovery is what Recover found and did.
type Recovery struct {
	Finished bool   // an update or rollback that was interrupted is complete now
	Undone   bool   // an update or rollback that was interrupted never happened
	Restored bool   // the target is an older file than when the process started: start again from it
	Failed   string // the version that was given up, if one was
	Starts   int    // of the version on probation, this one included
	Limit    int    // starts that are granted, 0 without probation
}

// Recover finishes or undoes what was interrupted at target, and counts a start
// of the version on probation; when more starts than granted went by without
// Confirm, it puts the backup back. Where nothing is to be done nothing is
// written.
//
// A version that has to be given up and whose backup is gone or is not what it
// was stays: its probation ends, and the error wraps ErrNoBackup.
func Recover(ctx context.Context, target string) (Recovery, error) {
	return recoverTarget(ctx, target, openRoot, time.Now)
}

func recoverTarget(ctx context.Context, target string, open func(string) (fsys, error), now func() time.Time) (r Recovery, err error) {
	s, err := find(target, open)
	if err != nil {
		return r, err
	}
	if busy, err := s.hasWork(); err != nil || !busy {
		return r, errors.Join(err, s.Close())
	}
	if err := s.start(ctx, false); err != nil {
		return s.recovered, errors.Join(err, s.Close())
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if s.damaged != nil {
		return s.recovered, s.damaged
	}
	err = s.countStart(now())
	return s.recovered, err
}

// hasWork tells whether the work directory holds anything but the caller's file.
func (s *Session) hasWork() (bool, error) {
	names, err := s.fsys.Names(s.work)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for an interrupted update: %w", err)
	}
	if len(names) == 0 {
		// Somebody was stopped before he took the lock.
		s.removeWork()
	}
	for _, name := range names {
		if name == journalFile || name == lockFile || kindOf(name) != "" || store.IsTemporary(name) {
			return true, nil
		}
	}
	return false, nil
}

// Confirm ends the probation of what is installed at target. Without one it does
// nothing, nor before the first start that Recover counted: who asks then is a
// process of the version before, which cannot speak for one that never ran.
func Confirm(ctx context.Context, target string) error { return confirm(ctx, target, openRoot) }

func confirm(ctx context.Context, target string, open func(string) (fsys, error)) (err error) {
	s, err := find(target, open)
	if err != nil {
		return err
	}
	if busy, err := s.hasWork(); err != nil || !busy {
		return errors.Join(err, s.Close())
	}
	if err := s.start(ctx, false); err != nil {
		return errors.Join(err, s.Close())
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
	return s.write(next)
}

// countStart is one start of the version on probation.
func (s *Session) countStart(now time.Time) error {
	j := s.journal
	if j.State != installed || j.Probation == 0 {
		return nil
	}
	if !j.New.is(s.old) || j.Starts >= j.Probation {
		// Somebody else may have installed something: then it is not on
		// probation. Or the file system does not keep times. What is given up
		// has to be the very bytes: an archive can keep times too.
		if ours, err := s.holds(s.base, j.New); err != nil {
			return err
		} else if !ours {
			return s.write(j.settled())
		}
	}
	j.Starts++
	s.recovered.Starts, s.recovered.Limit = j.Starts, j.Probation
	if j.Starts <= j.Probation {
		return s.write(j)
	}
	s.recovered.Failed = j.New.Version
	if err := s.write(j.fail(now)); err != nil {
		return err
	}
	err := s.rollback()
	if errors.Is(err, ErrNoBackup) {
		ended := s.journal
		ended.Probation, ended.Starts = 0, 0
		return errors.Join(fmt.Errorf("giving up version %q: %w", j.New.Version, err), s.write(ended))
	}
	if err != nil {
		return fmt.Errorf("giving up version %q: %w", j.New.Version, err)
	}
	s.recovered.Restored = true
	return nil
}

// recover ends what the journal says was begun. It asks the disk what has
// happened, and may be interrupted itself: every step leaves something that the
// next run understands.
func (s *Session) recover() error {
	j := s.journal
	if j.State != swapping && j.State != restoring {
		return nil
	}
	if err := s.fillGap(j); err != nil {
		return err
	}
	isNew, err := s.holds(s.base, j.New)
	if err != nil {
		return err
	}
	if isNew && j.Check {
		// Whether it would have passed nobody knows.
		err := s.reinstate(j)
		if errors.Is(err, ErrNoBackup) {
			// What cannot be undone is done, and that is said once.
			return errors.Join(err, s.write(j.done()))
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
		return s.write(j.done())
	case isNew:
		return s.finishRollback(j)
	case j.State == swapping:
		return s.undoSwap(j)
	}
	return s.write(j.undone())
}

// fillGap puts a file at the target's name when there is none, as can be where
// programs are renamed aside.
func (s *Session) fillGap(j record) error {
	if _, err := s.fsys.Lstat(s.base); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if j.Aside == "" {
		return fmt.Errorf("target %q: %w", s.Target(), fs.ErrNotExist)
	}
	return s.fsys.Rename(s.in(j.Aside), s.base)
}

// reinstate makes the target what it was before the swap.
func (s *Session) reinstate(j record) error {
	from := s.backup()
	if j.Keep != "" {
		from = s.in(j.Keep)
	}
	if whole, err := s.holds(from, j.Old); err != nil || !whole {
		return errors.Join(fmt.Errorf("%w: %q is not the file that was replaced", ErrNoBackup, from), err)
	}
	if err := s.lookAtTarget(); err != nil {
		return err
	}
	f, _, err := store.OpenRegular(s.fsys, from, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	stage, err := s.spareOf(f, from, "stage")
	if err != nil {
		return err
	}
	keep, _, err := s.spareTarget("keep")
	if err != nil {
		return err
	}
	if s.aside {
		keep = spare{s.in(store.RandomName("aside")), s.old}
	}
	return s.swap(stage.name, stage.info, keep)
}

// undoSwap takes our backup away. The older one then is put back by clean.
func (s *Session) undoSwap(j record) error {
	if j.Keep != "" {
		return s.write(j.undone()) // the backup was not touched
	}
	ours, err := s.holds(s.backup(), j.Old)
	if err != nil {
		return err
	}
	if ours && j.Older != "" {
		// If it was not moved away this is the older one, with the same content.
		_, err := s.fsys.Lstat(s.in(j.Older))
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
	return s.write(j.undone())
}
