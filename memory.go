// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/store"
)

// remembered is the memory of a policy, with what became of its versions.
func (w *walk) remembered(policy string) store.Memory { return w.facts.Review(w.memory.For(policy)) }

// floor is the version below which no update goes, besides the one that runs.
func (w *walk) floor(m store.Memory) string { return store.Higher(m.Floor(), w.facts.Version) }

// blocked returns the failure because of which the verified release is not installed now.
func (w *walk) blocked() (failed install.Failure, blocked bool) {
	i := slices.IndexFunc(w.facts.Failed, func(f install.Failure) bool { return f.Hash == w.verified.Release.Hash })
	if i < 0 || w.set.retry == w.version {
		return failed, false
	}
	return w.facts.Failed[i], w.facts.Failed[i].Blocks(w.now())
}

// place returns where small files are kept. It returns fs.ErrNotExist if there is
// no target.
func (s *settings) place() (store.Dir, error) {
	target, err := filepath.EvalSymlinks(s.target)
	if err != nil {
		return store.Dir{}, fmt.Errorf("finding target: %w", err)
	}
	if s.set.stateDir == "" {
		return store.Beside(install.WorkDir(target), target).Shared(s.set.shared), nil
	}
	return store.In(s.set.stateDir, target).Shared(s.set.shared), nil
}

// memoryFile is the name, in [StateDir], of what is remembered of releases. Without
// StateDir it is in the journal.
const memoryFile = "memory.json"

func (w *walk) memoryPath() string {
	if w.set.stateDir == "" {
		return install.JournalPath(w.target)
	}
	return filepath.Join(w.dir.Path(), memoryFile)
}

// read reads the record of the target, and what is remembered of releases: without
// [StateDir] that is in the record.
func (w *walk) read(session *install.Session) (record, memory error) {
	if session != nil {
		w.facts, record = session.Facts()
	} else {
		w.facts, record = install.Look(w.target, w.installing())
	}
	w.memory = w.facts.Memory
	if w.set.stateDir == "" {
		return record, record
	}
	w.memory, memory = w.dir.ReadMemories(memoryFile)
	return record, memory
}

// recall reads what is remembered. A damaged file is never taken for an empty one
// in silence: with a CurrentVersion that stays the floor and the damage is logged,
// without one ErrState is returned.
func (w *walk) recall(ctx context.Context, session *install.Session) (err error) {
	w.dir, err = w.place()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing is installed; FetchSpec of v0.1.0 needed no target
	}
	if err != nil {
		return err
	}
	record, err := w.read(session)
	if w.set.stateDir != "" && record != nil {
		w.log.Warn(ctx, "the record of the last update is damaged", "error", record)
	}
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return nil
	case session == nil && errors.Is(err, store.ErrForeign):
		w.log.Info(ctx, "what is remembered belongs to another user", "file", w.memoryPath(), "error", err)
		return nil
	case errors.Is(err, store.ErrUnsafeDirectory):
		return fmt.Errorf("%w: %w", ErrState, err)
	case w.current == "" && !w.set.allowDowngrade:
		return fmt.Errorf("%w: %s: %w", ErrState, w.memoryPath(), err)
	}
	w.log.Warn(ctx, "remembered trust is damaged, the running version is the floor", "file", w.memoryPath(), "error", err)
	return nil
}

// rememberWait is how long remember waits for another process that stores.
const rememberWait = 5 * time.Second

// installed is what is remembered of the verified release. The time is raised only by
// documents that expire, and to no more than that: what a clock that is wrong during one
// update locks out ends with that document.
func (w *walk) installed() *store.Installed {
	r := w.verified.Release
	seen := w.now().UTC()
	if r.Expires.Before(seen) {
		seen = r.Expires
	}
	return &store.Installed{
		Policy: w.trusted, Product: r.Name, Version: w.version, Released: r.Released, Seen: seen,
		Good: w.set.probation == 0 && w.set.probationTime == 0,
	}
}

// remember stores the installed release, as far as Commit has not.
func (w *walk) remember(session *install.Session, updated bool) error {
	if w.set.stateDir == "" {
		if updated {
			return nil
		}
		return session.Remember(*w.installed())
	}
	// StateDir may be shared by targets of the same path, each with its own lock: what
	// another update stored meanwhile stays (T6). The update is done, so a caller that
	// gives up now still gets it remembered.
	ctx, cancel := context.WithTimeout(context.Background(), rememberWait)
	defer cancel()
	return w.dir.Update(ctx, func() ([]store.File, error) {
		before, err := w.dir.ReadMemories(memoryFile)
		if err != nil {
			before = w.memory
		}
		next := before.With(w.facts.Review(before.For(w.trusted)).After(*w.installed()))
		return []store.File{{Name: memoryFile, Data: next.Format()}}, nil
	})
}

// installing returns the settings of package install.
func (s *settings) installing() install.Options {
	return install.Options{Shared: s.set.shared, Now: s.now, Boot: s.set.boot, Hold: s.set.hold}
}

// failedBefore is the error for a release that is not tried now.
func failedBefore(version string, f install.Failure) error {
	when := fmt.Sprintf("%s at %s (RetryFailed() permits it again)", f.Reason, f.Last.Format(time.RFC3339))
	if !f.GivenUp() {
		when = fmt.Sprintf("%s %d times, last at %s, and is tried again from %s on (RetryFailed() permits it now)",
			f.Reason, f.Count, f.Last.Format(time.RFC3339), f.Next.Format(time.RFC3339))
	}
	return fmt.Errorf("refusing release %s: %w: version %q %s", version, ErrFailedBefore, f.Version, when)
}
