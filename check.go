// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/preflight"
	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

// CheckResult is what Check found.
type CheckResult struct {
	UpdateNeeded bool          // Apply would install Release
	Reason       string        // why, or why not, in words
	Next         time.Time     // if Release failed here: when it may be tried again, zero if it was given up
	Current      string        // CurrentVersion, empty if it was not given
	Release      trust.Release // verified; of an unsigned v0.1.0 document only Binary and Hash are set
	Signers      []string      // key ids of those who signed
	Checked      time.Time     // by the clock here
}

// Check fetches and verifies the release document of Version, and reports whether
// Apply would install it. It keeps a copy of the document where [StateDir] says:
// while the repository has the same one, the next Check costs one request that is
// answered without a body (RFC 9110, If-None-Match). It changes nothing else on
// disk. See [Jitter] for how often.
func (u *Updater) Check(ctx context.Context) (*CheckResult, error) {
	end, err := u.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	s := u.settings
	if err := s.off(); err != nil {
		s.decided(ctx, false, err.Error(), time.Time{})
		return nil, err
	}
	w, err := s.walk(ctx, nil)
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	s.happened(ctx, EventChecked, s.version, s.current, "")
	w.keep(ctx)
	found := &CheckResult{
		Current: w.current,
		Release: w.verified.Release,
		Signers: w.verified.Signers,
		Checked: w.now(),
	}
	found.UpdateNeeded, found.Reason, found.Next = w.decide()
	s.decided(ctx, found.UpdateNeeded, found.Reason, found.Next)
	return found, nil
}

// The reasons of a decision, besides those of failures.
const (
	reasonRuns  = "it runs already"
	reasonHeld  = "it is installed already, and runs from the next start on"
	reasonOther = "it is not the version that runs"
)

// decide returns what Apply would do with the verified release, by the record.
func (w *walk) decide() (update bool, reason string, next time.Time) {
	failed, blocked := w.blocked()
	switch {
	case w.runs():
		return false, reasonRuns, time.Time{}
	case blocked:
		return false, string(failed.Reason), failed.Next
	case w.facts.Hash == w.verified.Release.Hash:
		return false, reasonHeld, time.Time{}
	}
	return true, reasonOther, time.Time{}
}

// leadsNowhere reports whether the document comes from the cache, and err is that no
// repository has its binary.
func (w *walk) leadsNowhere(ctx context.Context, err error) bool {
	_, local := errors.AsType[*fetch.LocalError](err)
	return err != nil && !local && ctx.Err() == nil && w.answer != nil && w.answer.Kept()
}

// afresh installs the document as the repository has it, after the one kept by Check
// led nowhere for the reason why. An attacker who once answered Check with a superseded
// document, and the present entity tag, would else stop all updates until it expires
// (T36).
func (w *walk) afresh(ctx context.Context, session *install.Session, why error) (*Result, error) {
	w.log.Warn(ctx, "the binary of the kept release document cannot be had, fetching the document again", "error", why)
	again := &walk{settings: w.settings, dir: w.dir, facts: w.facts, memory: w.memory}
	var err error
	again.answer, err = w.source.Document(ctx, release.Cache{}, func(document []byte) error {
		return again.verify(document, nil, again.policyID())
	})
	if err != nil {
		return nil, fmt.Errorf("%w; fetching the document again: %w", why, err)
	}
	if bytes.Equal(again.raw, w.raw) {
		return nil, why
	}
	if err := again.preflight(ctx); err != nil {
		return nil, err
	}
	again.keep(ctx)
	return again.apply(ctx, session)
}

// keep stores the document for the next check.
func (w *walk) keep(ctx context.Context) {
	if w.answer == nil {
		return
	}
	if err := (release.Cache{Dir: w.dir}).Keep(w.answer); err != nil {
		w.log.Info(ctx, "the release document is not kept for the next check", "error", err)
	}
}

// Jitter spreads the checks of many machines: it returns a time between half and
// three halves of interval, every one as likely. Wait for it before each check,
// also before the first: machines that were switched on at once would otherwise
// keep asking at once.
func Jitter(interval time.Duration) time.Duration {
	if interval <= 0 {
		return 0
	}
	return interval/2 + rand.N(interval)
}

// PreflightError is one reason why an update would fail here, found before
// anything is downloaded. errors.Is finds the cause, such as fs.ErrPermission.
type PreflightError struct {
	Reason string // what is in the way, in stable words such as "read-only file system"
	Path   string // the file or directory that is in the way
	Detail string // what was found, may be empty
	Advice string // what a person can do, in one sentence
	Err    error  // the system's error, may be nil
}

func (e *PreflightError) Error() string {
	inner := preflight.Error{Reason: preflight.Reason(e.Reason), Path: e.Path, Detail: e.Detail, Advice: e.Advice, Err: e.Err}
	return unbroken(inner.Error())
}

// Unwrap returns the system's error.
func (e *PreflightError) Unwrap() error { return e.Err }

// PreflightReport is what Preflight found.
type PreflightReport struct {
	Target   string            // the file itself, symbolic links resolved, as far as it was found
	Problems []*PreflightError // each would make the update fail
	Notices  []*PreflightError // for a person to know, such as a package manager that owns the target
}

// Preflight does everything that [Updater.Apply] does before the download: it
// fetches and verifies the release document, and looks for what would make the
// installation fail. The error joins the problems, each a *[PreflightError]; the
// report is returned also if there are some. It changes nothing but what an
// [Authority] remembers.
func (u *Updater) Preflight(ctx context.Context) (*PreflightReport, error) {
	end, err := u.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	w, err := u.settings.walk(ctx, nil)
	if err != nil {
		return nil, oneLine(err)
	}
	report, err := w.look(ctx)
	if err != nil {
		return nil, oneLine(err)
	}
	if err := w.off(); err != nil {
		report.Problems = append(report.Problems, &PreflightError{
			Reason: "updates are switched off", Path: report.Target, Err: err, Advice: "switch them on, see Off()",
		})
	}
	busy := install.Busy(w.target, w.installing())
	if errors.Is(busy, ErrUnsafeDirectory) {
		report.Problems = append(report.Problems, &PreflightError{
			Reason: string(preflight.ReasonUnsafeDirectory), Path: install.WorkDir(report.Target), Err: busy,
			Advice: "let nobody but its owner write to it",
		})
	}
	if held, ok := errors.AsType[*LockedError](public(busy)); ok {
		report.Problems = append(report.Problems, &PreflightError{
			Reason: "another update is running", Path: held.Target, Detail: "process " + strconv.Itoa(held.PID), Err: held,
			Advice: "wait for it to end",
		})
	}
	return report, oneLine(w.judge(report))
}

// preflight is what Apply does of it. Who owns the target is looked up only if
// that decides whether there is an update.
func (w *walk) preflight(ctx context.Context) error {
	if !w.set.refuseManaged {
		return w.judge(reportOf(preflight.Problems(w.question())))
	}
	report, err := w.look(ctx)
	if err != nil {
		return err
	}
	return w.judge(report)
}

func (w *walk) look(ctx context.Context) (*PreflightReport, error) {
	report, err := preflight.Check(ctx, w.question())
	if err != nil {
		return nil, fmt.Errorf("checking %s before the update: %w", w.target, err)
	}
	return reportOf(report), nil
}

func (w *walk) question() preflight.Question {
	q := w.settings.question()
	if artifact, err := release.Full(w.verified); err == nil && w.verified.Release.Size > 0 {
		q.Room = w.verified.Release.Size + artifact.Size + install.Room(w.target)
	}
	return q
}

func (s *settings) question() preflight.Question {
	return preflight.Question{
		Target: s.target, Beside: install.Beside(s.target), Execute: s.set.smokeTest != nil, Shared: s.set.shared,
		Exposed: func(target, dir fs.FileInfo) (int, bool) {
			owner, _ := store.Owner(dir)
			return owner, store.AccessTo(target, false).Exposes(dir)
		},
	}
}

// explain adds to an error why an update could not begin: what a preflight finds comes
// with advice.
func (s *settings) explain(err error) error {
	if errors.Is(err, ErrLocked) {
		return err
	}
	if problem := s.judge(reportOf(preflight.Problems(s.question()))); problem != nil {
		return fmt.Errorf("%w (%w)", problem, err)
	}
	return err
}

// judge returns an error for the problems, and for notices under [RefuseManaged].
func (s *settings) judge(report *PreflightReport) error {
	var all []error
	for _, problem := range report.Problems {
		if problem.Reason == string(preflight.ReasonUnsafeDirectory) {
			all = append(all, fmt.Errorf("%w: %w", ErrUnsafeDirectory, problem))
		} else {
			all = append(all, problem)
		}
	}
	if s.set.refuseManaged {
		for _, notice := range report.Notices {
			all = append(all, notice)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("the update would fail: %w", errors.Join(all...))
}

func reportOf(r *preflight.Report) *PreflightReport {
	return &PreflightReport{Target: r.Target, Problems: preflightErrors(r.Problems), Notices: preflightErrors(r.Notices)}
}

func preflightErrors(from []*preflight.Error) (all []*PreflightError) {
	for _, e := range from {
		all = append(all, &PreflightError{Reason: string(e.Reason), Path: e.Path, Detail: e.Detail, Advice: e.Advice, Err: e.Err})
	}
	return all
}
