// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"errors"
	"fmt"

	"github.com/choria-io/go-updater/internal/install"
)

// Rollback puts the backup that the last Apply made back in place of the
// target. It needs no network and asks no repository. [ErrNoBackup] means that
// there is nothing to go back to. The backup is used up by it, and the version that is
// left is not installed again without [RetryFailed].
func (u *Updater) Rollback(ctx context.Context) error {
	end, err := u.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return u.settings.rollback(ctx)
}

// Rollback is [Updater.Rollback] without a deadline. Of the options only
// TargetFile, [InsecureSharedDirectory] and the loggers matter: neither repository nor
// key is needed.
func Rollback(opts ...Option) error {
	s, err := local(opts)
	if err != nil {
		return err
	}
	return s.rollback(context.Background())
}

func (s *settings) rollback(ctx context.Context) error {
	if install.Disabled {
		return ErrDisabled
	}
	session, err := s.session(ctx)
	if err != nil {
		return s.failed(ctx, fmt.Errorf("rolling back %s: %w", s.target, err))
	}
	before, _ := session.Facts() // of a damaged record the version is not known
	err = session.Rollback()
	after, _ := session.Facts()
	if err == nil {
		s.happened(ctx, EventRestored, after.Version, before.Version, string(install.RolledBack))
	}
	if err := errors.Join(err, session.Close()); err != nil {
		return s.failed(ctx, fmt.Errorf("rolling back %s: %w", s.target, public(err)))
	}
	s.log.Info(ctx, "rolled back", "target", s.target)
	return nil
}

// Recovery is what Recover found and did.
type Recovery struct {
	Finished bool   // an update or rollback that was interrupted is complete now
	Undone   bool   // an update or rollback that was interrupted never happened
	Restored bool   // the target is an older file than when the process started: start again from it
	Failed   string // the version that was given up, if one was
	Back     string // the version that was put back instead, if that is known
	Starts   int    // of the version on probation, this one included
	Limit    int    // starts that are granted, 0 without probation
}

// Recover is the first call of a program that updates itself. It finishes or
// undoes an update or rollback that was interrupted, and counts this start against
// [Probation]: after more starts than were granted, without [Updater.Confirm], it
// puts the backup back and reports that in Recovery.Restored. Then start the
// program again, as after an update.
//
// If there is nothing to do it writes nothing and takes no lock; so it is while an
// update is running, which does what is to be done.
//
// An error is to be logged and no reason not to start: the target is whole.
// [ErrNoBackup] means that the version on probation stays, because there is nothing to
// go back to, and [ErrJournal] that the record of the last update is damaged until the
// next one. A start that cannot be counted, as on a read-only file system, is an error.
// For a user who is neither root nor the owner of the target there is nothing to
// recover, and no error. A start of a program that has more rights than the user who
// started it (setuid, setgid, file capabilities) is not counted.
func (u *Updater) Recover(ctx context.Context) (*Recovery, error) {
	end, err := u.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return u.settings.recover(ctx)
}

// Recover is [Updater.Recover] without a deadline. Of the options only
// TargetFile, [InsecureSharedDirectory] and the loggers matter: neither repository nor
// key is needed. If
// there is nothing to do it costs a look into one directory.
func Recover(opts ...Option) (*Recovery, error) {
	s, err := local(opts)
	if err != nil {
		return nil, err
	}
	return s.recover(context.Background())
}

func (s *settings) recover(ctx context.Context) (*Recovery, error) {
	if install.Disabled {
		return &Recovery{}, nil
	}
	r, err := install.Recover(ctx, s.target, s.installing())
	s.logRecovery(ctx, r)
	found := Recovery(r)
	if err != nil {
		err = s.failed(ctx, fmt.Errorf("recovering %s: %w", s.target, public(err)))
	}
	return &found, err
}

func (s *settings) logRecovery(ctx context.Context, r install.Recovery) {
	if r.Finished {
		s.log.Warn(ctx, "finished an update that was interrupted", "target", s.target)
	}
	if r.Undone {
		s.log.Warn(ctx, "undid an update that was interrupted", "target", s.target)
	}
	if r.Starts > 0 && r.Failed == "" {
		args := []any{"start", r.Starts}
		if r.Limit > 0 {
			args = append(args, "of", r.Limit)
		}
		s.log.Info(ctx, "a new version is on probation", args...)
	}
	if r.Restored && r.Starts > 0 { // else a health check was interrupted
		s.log.Warn(ctx, "gave a version up that was not confirmed, the one before is back",
			"version", r.Failed, "starts", r.Starts-1, "back", r.Back)
	}
	s.recovered(ctx, r)
}

// Confirm ends the [Probation] of the version that runs: it works. Call it once
// the program has done what it is there for, such as reaching its server. If
// nothing is on probation it does nothing, nor before [Updater.Recover] has counted
// a start: a process that goes on after its update does not confirm what replaced it.
func (u *Updater) Confirm(ctx context.Context) error {
	end, err := u.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return u.settings.confirm(ctx)
}

// Confirm is [Updater.Confirm] without a deadline. It needs the options that
// [Recover] needs.
func Confirm(opts ...Option) error {
	s, err := local(opts)
	if err != nil {
		return err
	}
	return s.confirm(context.Background())
}

func (s *settings) confirm(ctx context.Context) error {
	if install.Disabled {
		return nil
	}
	if err := install.Confirm(ctx, s.target, s.installing()); err != nil {
		return s.failed(ctx, fmt.Errorf("confirming %s: %w", s.target, public(err)))
	}
	return nil
}

// local returns the settings of calls that need neither repository nor key.
func local(opts []Option) (*settings, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, oneLine(err)
	}
	return c.settings(), nil
}
