// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"fmt"

	"github.com/choria-io/go-updater/internal/install"
)

// Recovery is what Recover found and did.
type Recovery = install.Recovery

// Recover is the first thing that a program does which updates itself. It
// finishes or undoes an update or rollback that was interrupted, and counts this
// start against [Probation]: when more went by than were granted, without
// [Updater.Confirm], it puts the backup back and says so in Recovery.Restored.
// Then start the program again, as after an update.
//
// An error is to be logged and no reason not to start: the target is whole.
// [ErrLocked] means that an update is running just now, [ErrNoBackup] that the
// version on probation stays, because there is nothing to go back to,
// [ErrJournal] that what is known of the last update is damaged until the next
// one, and fs.ErrPermission that the program was started by a user who may not
// update it.
func (u *Updater) Recover(ctx context.Context) (*Recovery, error) {
	end, err := u.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return u.config.recover(ctx)
}

// Recover is [Updater.Recover] without a deadline. Of the options only
// TargetFile and the loggers matter: neither repository nor key is needed. Where
// nothing is to be done it costs a look into one directory.
func Recover(opts ...Option) (*Recovery, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	return c.recover(context.Background())
}

func (c *Config) recover(ctx context.Context) (*Recovery, error) {
	if disabled {
		return &Recovery{}, nil
	}
	r, err := install.Recover(ctx, c.TargetFile)
	c.noteRecovery(r)
	if err != nil {
		return &r, fmt.Errorf("recovering %s: %w", c.TargetFile, err)
	}
	return &r, nil
}

func (c *Config) noteRecovery(r Recovery) {
	if r.Finished {
		c.note(warning, "finished an update that was interrupted", "target", c.TargetFile)
	}
	if r.Undone {
		c.note(warning, "undid an update that was interrupted", "target", c.TargetFile)
	}
	if r.Limit > 0 && r.Failed == "" {
		c.note(info, "a new version is on probation", "start", r.Starts, "of", r.Limit)
	}
	if r.Restored && r.Limit > 0 {
		c.note(warning, "gave a version up that was not confirmed, the backup is back", "version", r.Failed, "starts", r.Starts-1)
	}
}

// Confirm ends the [Probation] of the version that runs: it works. Call it once
// the program has done what it is there for, such as reaching its server. Where
// nothing is on probation it does nothing, nor before [Updater.Recover] has counted
// a start: a process that goes on after its update does not confirm what replaced it.
func (u *Updater) Confirm(ctx context.Context) error {
	end, err := u.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	return u.config.confirm(ctx)
}

// Confirm is [Updater.Confirm] without a deadline. It needs the options that
// [Recover] needs.
func Confirm(opts ...Option) error {
	c, err := newConfig(opts)
	if err != nil {
		return err
	}
	return c.confirm(context.Background())
}

func (c *Config) confirm(ctx context.Context) error {
	if disabled {
		return nil
	}
	if err := install.Confirm(ctx, c.TargetFile); err != nil {
		return fmt.Errorf("confirming %s: %w", c.TargetFile, err)
	}
	return nil
}
