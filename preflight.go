// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/preflight"
	"github.com/choria-io/go-updater/trust"
)

// PreflightError is one reason why an update would fail here, found before
// anything is downloaded. Advice is one sentence on what to do about it; errors.Is
// finds the system's word for it, such as fs.ErrPermission.
type PreflightError = preflight.Error

// PreflightReport is what was looked at, and what a person may want to know that
// is no reason to fail: a package manager that owns the target, say.
type PreflightReport = preflight.Report

// reasonLocked is the one that internal/preflight does not know of.
const reasonLocked preflight.Reason = "another update is running"

// Preflight does all of [Updater.Apply] that comes before the download: it
// fetches and verifies the release document, and looks for what would make its
// installation fail. The error joins the reasons, each a *[PreflightError]; the
// report is there also when there are some. It changes nothing.
func (u *Updater) Preflight(ctx context.Context) (*PreflightReport, error) {
	end, err := u.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	_, v, err := u.config.fetchSpec()
	if err != nil {
		return nil, err
	}
	report, err := u.config.look(ctx, v)
	if err != nil {
		return nil, err
	}
	if held, ok := errors.AsType[*LockedError](install.Busy(u.config.TargetFile)); ok {
		report.Problems = append(report.Problems, &PreflightError{
			Reason: reasonLocked, Path: held.Target, Detail: "process " + strconv.Itoa(held.PID), Err: held,
			Advice: "wait for it to end",
		})
	}
	return report, u.config.judge(report)
}

// preflight is what Apply does of it. Who owns the target is looked up while the
// download runs, unless that decides whether there is one; told waits for it.
func (c *Config) preflight(ctx context.Context, v *trust.Verified) (told func(), err error) {
	if c.refuseManaged {
		report, err := c.look(ctx, v)
		if err != nil {
			return nil, err
		}
		return func() {}, c.judge(report)
	}
	if err := c.judge(preflight.Problems(c.question(v))); err != nil {
		return nil, err
	}
	type answer struct {
		notices []*preflight.Error
		err     error
	}
	found := make(chan answer, 1)
	go func() {
		notices, err := preflight.Notices(ctx, c.TargetFile)
		found <- answer{notices, err}
	}()
	return func() {
		a := <-found
		for _, notice := range a.notices {
			c.note(warning, "where the target lies", "notice", notice)
		}
		if a.err != nil && ctx.Err() == nil {
			c.note(warning, "could not look up who owns the target", "error", a.err)
		}
	}, nil
}

func (c *Config) look(ctx context.Context, v *trust.Verified) (*PreflightReport, error) {
	report, err := preflight.Check(ctx, c.question(v))
	if err != nil {
		return nil, fmt.Errorf("looking at %s before the update: %w", c.TargetFile, err)
	}
	return report, nil
}

func (c *Config) question(v *trust.Verified) preflight.Question {
	q := preflight.Question{Target: c.TargetFile, Beside: install.Beside(c.TargetFile), Execute: c.smokeTest != nil}
	if artifact, err := choose(v); err == nil && v.Release.Size > 0 {
		q.Room = v.Release.Size + artifact.Size + install.Room(c.TargetFile)
	}
	return q
}

// judge makes an error of the problems, and of notices when told to.
func (c *Config) judge(report *PreflightReport) error {
	var all []error
	for _, problem := range report.Problems {
		if problem.Reason == preflight.ReasonUnsafeDirectory {
			all = append(all, fmt.Errorf("%w: %w", ErrUnsafeDirectory, problem))
		} else {
			all = append(all, problem)
		}
	}
	if c.refuseManaged {
		for _, notice := range report.Notices {
			all = append(all, notice)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("the update would fail: %w", errors.Join(all...))
}
