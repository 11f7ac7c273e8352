// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/choria-io/go-updater/internal/store"
)

// startsFile is locked, shared, by each process that started on probation, until it ends:
// so the next one sees whether it overlaps with another.
const startsFile = "starts.lock"

// Confirm ends the probation of target. On Linux it does so also while the next version is
// being swapped in over it: elsewhere it is not known which of the two calls. It does
// nothing without a probation, or before Recover has counted a start: then the caller is a
// process of the version before. It waits for nothing but another change of the journal,
// and returns ErrJournal if that is damaged.
func Confirm(ctx context.Context, target string, o Options) (err error) {
	if store.Outsider(target, o.Shared) || store.Elevated() {
		return nil
	}
	s, err := newSession(target, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := s.look(); err != nil {
		return err
	}
	if s.damaged != nil {
		return s.damaged
	}
	if b := s.journal.Before; !confirmable(s.journal) && (b == nil || !confirmable(*b)) {
		return nil
	}
	return s.change(ctx, func(r record) (record, error) {
		if b := r.Before; r.State == swapping && b != nil && confirmable(*b) {
			if s.runs(s.Target()) != RunsAnother {
				return r, errNoChange // it may be the new version, in its health check
			}
			before := b.confirmed()
			r.Before = &before
			return r, nil
		}
		if !confirmable(r) {
			return r, errNoChange
		}
		_ = s.fsys.Remove(s.workPath(startsFile)) // else the next update does it
		if ours, err := s.isNew(r); err != nil {
			return r, err
		} else if !ours {
			return s.replaced(r)
		}
		return r.confirmed(), nil
	})
}

func confirmable(r record) bool { return r.onProbation() && r.Probation.Starts > 0 }

// countStart counts this start of the version on probation, and gives the version up if
// it had too many, or took too long.
func (s *Session) countStart(ctx context.Context, judge bool) error {
	if store.Elevated() {
		return nil
	}
	err := s.change(ctx, func(r record) (record, error) {
		if s.damaged != nil || !r.onProbation() {
			return r, errNoChange
		}
		if ours, err := s.isNew(r); err != nil {
			return r, err
		} else if !ours {
			return s.replaced(r)
		}
		overlap, err := s.overlaps(judge)
		if err != nil {
			return r, err
		}
		before := r.Probation
		r.Probation = before.counted(start{judge, overlap, s.boot(), s.bootID()})
		s.recovered.Starts, s.recovered.Limit = r.Probation.Starts, r.Probation.Limit
		if r.Probation == before {
			return r, errNoChange
		}
		return r, nil
	})
	if err != nil {
		return fmt.Errorf("counting this start on probation: %w", err)
	}
	if !s.journal.onProbation() || !s.journal.Probation.over() {
		return nil
	}
	if s.lock == nil {
		// Another process may give it up, confirm it, or update it meanwhile.
		if err := s.lockAndRecover(ctx, false); err != nil {
			return unlessLocked(err)
		}
		if !s.journal.onProbation() || !s.journal.Probation.over() {
			return nil
		}
	}
	return s.giveUp()
}

// isNew reports whether the target is still the file of the journal. One that another
// program installed is not on probation. A different time does not prove that, as some
// file systems change times. Nor does an equal time, as an archive may preserve times. So
// before the version is given up its hash is compared.
func (s *Session) isNew(r record) (bool, error) {
	if err := s.statTarget(); err != nil {
		return false, err
	}
	if next := r.Probation.started(start{boot: s.boot(), id: s.bootID()}); r.New.matches(s.old) && !next.over() {
		return true, nil
	}
	return s.has(s.base, r.New)
}

// replaced returns the journal after another program, or a person, replaced the version on
// probation.
func (s *Session) replaced(r record) (record, error) {
	if !r.putBack(s.old) {
		return r.cleared(), nil
	}
	same, err := s.has(s.base, r.Backup)
	if err != nil || !same {
		return r.cleared(), err
	}
	return r.leftByHand(s.now()), nil
}

// overlaps reports whether a process that started before, on this probation, still runs.
// Unless this one is a judge, which ends soon, it counts as running from now on.
func (s *Session) overlaps(judge bool) (bool, error) {
	name := s.workPath(startsFile)
	alone, err := store.AcquirePrivate(s.fsys, name)
	switch {
	case errors.Is(err, store.ErrHeld):
	case err != nil:
		return false, err
	default:
		if err := alone.Release(); err != nil {
			return false, err
		}
	}
	if judge || s.hold == nil {
		return alone == nil, nil
	}
	// Nobody else locks it now: that is done under the lock of the journal only.
	shared, err := store.AcquireShared(s.fsys, name)
	if err != nil {
		return false, err
	}
	return alone == nil, s.hold(shared)
}

// giveUp restores the backup in place of the version on probation.
func (s *Session) giveUp() error {
	given, back := s.journal.New, s.journal.Backup.Version
	s.recovered.Failed = given.Version
	err := s.rollback(FailedProbation)
	if errors.Is(err, errNoChange) {
		s.recovered.Failed = "" // it was confirmed meanwhile
		return nil
	}
	if errors.Is(err, ErrNoBackup) {
		return errors.Join(fmt.Errorf("giving up version %q: %w", given.Version, err), s.change(context.Background(),
			func(r record) (record, error) {
				if !r.onProbation() || !r.Probation.over() {
					return r, errNoChange // it was confirmed meanwhile
				}
				return r.failed(given, FailedProbation, s.now()).confirmed(), nil
			}))
	}
	if err != nil {
		return fmt.Errorf("giving up version %q: %w", given.Version, err)
	}
	s.recovered.Restored, s.recovered.Back = true, back
	return nil
}

// unlessLocked returns nil for ErrLocked: an update is running, and does what is to be
// done.
func unlessLocked(err error) error {
	if errors.Is(err, ErrLocked) {
		return nil
	}
	return err
}

// unlessReadOnly returns nil if the file system is mounted read-only.
func unlessReadOnly(err error) error {
	if errors.Is(err, syscall.EROFS) {
		return nil
	}
	return err
}

// Judge is Recover for a process that only looks after target, before the program itself
// is started. It does not run the target, and counts a start for the program that is
// started next, which may fail before it could do so itself.
func Judge(ctx context.Context, target string, o Options) (Recovery, error) {
	return recoverTarget(ctx, target, o, true)
}

// Look returns what the journal says of target. It changes nothing, and returns no error
// if there is no target or no journal.
func Look(target string, o Options) (Facts, error) {
	s, err := newSession(target, o)
	if errors.Is(err, fs.ErrNotExist) {
		return Facts{}, nil
	}
	if err != nil {
		return Facts{}, err
	}
	defer s.Close()
	if store.Outsider(target, o.Shared) {
		return Facts{}, fmt.Errorf("%w: %q is for the owner of the target and root", store.ErrForeign, s.WorkDir())
	}
	if _, err := s.look(); err != nil {
		return Facts{}, err
	}
	return s.Facts()
}

// look reads the journal without a lock, as it is always replaced as a whole. It reports
// whether there is a work directory.
func (s *Session) look() (found bool, err error) {
	if found, err = s.openWorkDir(); !found || err != nil {
		return false, err
	}
	return true, s.readJournal()
}

// Facts returns what the journal says of the target, or ErrJournal if it is damaged.
func (s *Session) Facts() (Facts, error) {
	if s.damaged != nil {
		return Facts{}, s.damaged
	}
	r := s.journal
	info, err := s.fsys.Lstat(s.base)
	if err == nil && r.putBack(info) {
		if same, err := s.has(s.base, r.Backup); err == nil && same {
			r = r.leftByHand(s.now())
		}
	}
	f := r.facts()
	if err != nil || !r.New.matches(info) {
		// Another program installed it.
		worked := f.Worked
		f = r.cleared().facts()
		f.Worked = worked
	}
	return f, nil
}
