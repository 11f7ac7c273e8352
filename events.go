// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/choria-io/go-updater/internal/install"
)

// Event is what happened in a call, for [OnEvent].
type Event struct {
	Kind     EventKind
	Time     time.Time // by [Clock]
	Version  string    // see the kinds
	Previous string    // the version before, "" if it is not known
	Update   bool      // of EventDecided
	Reason   string    // why, in words for a person; "" where Err says it
	Err      error     // of EventFailed, as the call returns it
	Next     time.Time // when Version may be tried again; zero if no wait is set
}

// EventKind is a kind of [Event].
type EventKind string

// The kinds of events.
const (
	// EventChecked: the document of Version was fetched and verified, by Check or Apply.
	EventChecked EventKind = "checked"

	// EventDecided: Update is whether Version is to be installed, and Reason is why. Of
	// Check it is what Apply would do.
	EventDecided EventKind = "decided"

	// EventInstalled: the target is Version now, instead of Previous.
	EventInstalled EventKind = "installed"

	// EventGaveUp: Version failed here, and is not installed again by itself. See
	// [RetryFailed].
	EventGaveUp EventKind = "gave up"

	// EventRestored: the target is Version again, after Previous.
	EventRestored EventKind = "restored"

	// EventFailed: the call returns Err.
	EventFailed EventKind = "failed"
)

// OnEvent sets a function that is called with what happens in Apply, Check, Recover,
// Rollback and Confirm: for logs, metrics, or a report to a server. Given twice, the last
// one counts.
//
// It is called in the goroutine of the call, while that goes on, and must return soon.
// Of the methods of the [Updater] it may call Status only; the others would wait for the
// call to end. Calls of several Updaters may call it at once. A panic in it is logged
// and changes nothing.
func OnEvent(f func(Event)) Option {
	return func(c *Config) error {
		if f == nil {
			return errors.New("OnEvent() was given nil")
		}
		c.set.onEvent = f
		return nil
	}
}

// history is what the events of this process say, for Status.
type history struct {
	mu      sync.Mutex
	checked Event // the last EventChecked
	failed  Event // the last EventFailed
}

func (h *history) note(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch e.Kind {
	case EventChecked:
		h.checked = e
	case EventFailed:
		h.failed = e
	}
}

func (h *history) last() (checked, failed Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.checked, h.failed
}

func (s *settings) emit(ctx context.Context, e Event) {
	e.Time = s.now()
	s.history.note(e)
	if s.set.onEvent == nil {
		return
	}
	err := guard("OnEvent", func() error { s.set.onEvent(e); return nil })
	if err != nil {
		s.log.Warn(ctx, "the function for events failed", "event", string(e.Kind), "error", err)
	}
}

func (s *settings) happened(ctx context.Context, kind EventKind, version, previous, reason string) {
	s.emit(ctx, Event{Kind: kind, Version: version, Previous: previous, Reason: reason})
}

func (s *settings) decided(ctx context.Context, update bool, reason string, next time.Time) {
	s.emit(ctx, Event{
		Kind: EventDecided, Version: s.version, Previous: s.current, Update: update, Reason: reason, Next: next,
	})
}

// failed makes an event of the error of a call, and returns it on one line.
func (s *settings) failed(ctx context.Context, err error) error {
	return s.failedUntil(ctx, err, time.Time{})
}

func (s *settings) failedUntil(ctx context.Context, err error, next time.Time) error {
	if err != nil {
		err = oneLine(err)
		s.emit(ctx, Event{Kind: EventFailed, Version: s.version, Previous: s.current, Err: err, Next: next})
	}
	return err
}

// notApplied makes events of an error of Apply, and returns it on one line.
func (s *settings) notApplied(ctx context.Context, err error) error {
	failed := errors.Is(err, ErrSmokeTest) || errors.Is(err, ErrHealth)
	if !failed && !errors.Is(err, ErrFailedBefore) {
		return s.failed(ctx, err)
	}
	if errors.Is(err, ErrHealth) && RollbackError(err) == nil {
		s.happened(ctx, EventRestored, s.current, s.version, string(install.FailedHealthCheck))
	}
	f := s.failure()
	if failed && f.Count > 0 && f.GivenUp() {
		s.happened(ctx, EventGaveUp, s.version, s.current, string(f.Reason))
	}
	return s.failedUntil(ctx, err, f.Next)
}

// failure returns the last failure of Version in the record, or the zero value.
func (s *settings) failure() (last install.Failure) {
	facts, _ := install.Look(s.target, s.installing()) // what cannot be read has no failure
	for _, f := range facts.Failed {
		if f.Version == s.version && !f.Last.Before(last.Last) {
			last = f
		}
	}
	return last
}

// recovered makes events of what Recover did.
func (s *settings) recovered(ctx context.Context, r install.Recovery) {
	if !r.Finished && !r.Undone && !r.Restored && r.Failed == "" {
		return
	}
	now, _ := install.Look(s.target, s.installing()) // what cannot be read has no version
	if r.Failed != "" {
		s.happened(ctx, EventGaveUp, r.Failed, now.Previous, string(install.FailedProbation))
	}
	switch {
	case r.Restored && r.Failed != "":
		s.happened(ctx, EventRestored, now.Version, r.Failed, string(install.FailedProbation))
	case r.Restored:
		s.happened(ctx, EventRestored, now.Version, "", "an update was interrupted before its health check passed")
	case r.Finished && now.Backup:
		s.happened(ctx, EventInstalled, now.Version, now.Previous, "an update that was interrupted was finished")
	case r.Finished:
		s.happened(ctx, EventRestored, now.Version, "", "a rollback that was interrupted was finished")
	case r.Undone:
		_ = s.failed(ctx, errUndone)
	}
}

var errUndone = errors.New("an update or rollback was interrupted, and undone")
