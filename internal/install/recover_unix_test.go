// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var goodBytes = []byte("the last version that was confirmed")

// stopping is a way through an update in which the world may stop.
type stopping struct {
	aside    bool
	prepare  func(t *testing.T, target string) // what is there before
	plan     Plan
	rollback bool
	checked  bool   // the health check is one that passes
	backup   []byte // what .backup holds when the update is finished
	before   []byte // what it held before, nil for none
}

var plain = stopping{backup: oldBytes}

func older(t *testing.T, target string) {
	require.NoError(t, os.WriteFile(target+".backup", goodBytes, 0o755))
}

func onProbation(t *testing.T, target string) {
	require.NoError(t, os.WriteFile(target, goodBytes, 0o755))
	s, err := Begin(t.Context(), target)
	require.NoError(t, err)
	_, err = s.Commit(stage(t, s, oldBytes), Plan{Version: "1", Probation: 3})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func hasUpdated(t *testing.T, target string) {
	require.NoError(t, os.WriteFile(target, newBytes, 0o755))
	update(t, target, oldBytes)
}

var stoppings = map[string]stopping{
	"first update":            plain,
	"older backup":            {prepare: older, backup: oldBytes, before: goodBytes},
	"renamed aside":           {aside: true, prepare: older, backup: oldBytes, before: goodBytes},
	"probation":               {plan: Plan{Version: "2", Probation: 2}, backup: oldBytes},
	"health check":            {checked: true, backup: oldBytes, prepare: older, before: goodBytes},
	"health check, aside":     {aside: true, checked: true, backup: oldBytes, prepare: older, before: goodBytes},
	"while on probation":      {prepare: onProbation, backup: goodBytes, before: goodBytes},
	"on probation, and check": {prepare: onProbation, checked: true, backup: goodBytes, before: goodBytes},
	"on probation, aside":     {aside: true, prepare: onProbation, backup: goodBytes, before: goodBytes},
	"rollback":                {rollback: true, prepare: hasUpdated, before: newBytes},
	"rollback, aside":         {aside: true, rollback: true, prepare: hasUpdated, before: newBytes},
}

// run does the whole update; from operation stop on the disk does not change
// any more, which is what a killed process leaves. It returns whether it came so
// far, and what the update reported.
func (w stopping) run(t *testing.T, target string, stop int) (stopped bool, err error) {
	t.Helper()
	count := 0
	f := &faulty{before: func(string, string) error {
		if count++; count >= stop {
			stopped = true
			return errFault
		}
		return nil
	}}
	s, err := begin(t.Context(), target, false, f.open)
	if err != nil {
		return stopped, err
	}
	defer s.Close()
	s.renameAside = w.aside
	if w.rollback {
		return stopped, s.rollback()
	}
	path, err := s.StagePath()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, newBytes, 0o600))
	st, err := s.Seal(path, sum(newBytes), int64(len(newBytes)))
	if err != nil {
		return stopped, err
	}
	if w.checked {
		w.plan.Check = func() error { return os.WriteFile(healthy(target), nil, 0o600) }
	}
	_, err = s.Commit(st, w.plan)
	return stopped, err
}

// healthy exists once the health check has passed.
func healthy(target string) string { return filepath.Dir(target) + ".healthy" }

func (w stopping) target(t *testing.T) string {
	t.Helper()
	target := newTarget(t)
	if w.prepare != nil {
		w.prepare(t, target)
	}
	return target
}

// requireWhole is the part of the table in the package documentation that can be
// seen from outside.
func (w stopping) requireWhole(t *testing.T, target string, reported error, what string) {
	t.Helper()
	got, err := os.ReadFile(target)
	require.NoError(t, err, what)
	backup, err := os.ReadFile(target + ".backup")
	if err != nil {
		require.ErrorIs(t, err, fs.ErrNotExist, what)
	}
	info, err := os.Stat(target)
	require.NoError(t, err, what)
	require.Equal(t, fs.FileMode(0o755), info.Mode(), what)
	switch sum(got) {
	case sum(newBytes):
		require.Equal(t, string(w.backup), string(backup), what)
		if w.checked {
			require.FileExists(t, healthy(target), what)
		}
	case sum(oldBytes):
		require.Error(t, reported, "%s: success was reported", what)
		require.Equal(t, string(w.before), string(backup), what)
	default:
		require.Fail(t, "target is neither", what)
	}
	for _, name := range names(t, filepath.Dir(target)) {
		require.Contains(t, []string{"tool", "tool.backup"}, name, what)
	}
}

// The world stops at every operation, and Recover finishes or undoes. So it does
// when it is stopped itself, at every operation.
func TestStopAtEveryOperation(t *testing.T) {
	for name, w := range stoppings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				target := w.target(t)
				stopped, reported := w.run(t, target, n)
				_, err := recoverAs(t, target, w.aside, 0)
				require.NoError(t, err, n)
				w.requireWhole(t, target, reported, fmt.Sprint("operation ", n))
				again := w.target(t)
				_, reported = w.run(t, again, n)
				for m := 1; ; m++ {
					if done, _ := recoverAs(t, again, w.aside, m); done {
						break
					}
					require.Less(t, m, 200)
				}
				w.requireWhole(t, again, reported, fmt.Sprint("operation ", n, ", recovered in steps"))
				if !stopped {
					require.Greater(t, n, 25, "operations were counted")
					break
				}
			}
		})
	}
}

// recoverAs recovers; from operation stop on, if that is not 0, it is stopped
// too. done says that it was not.
func recoverAs(t *testing.T, target string, aside bool, stop int) (done bool, err error) {
	t.Helper()
	done = true
	count := 0
	f := &faulty{before: func(string, string) error {
		if count++; stop > 0 && count >= stop {
			done = false
			return errFault
		}
		return nil
	}}
	s := &Session{dir: filepath.Dir(target), base: filepath.Base(target), renameAside: aside}
	s.work = workName(s.base)
	s.fsys, err = f.open(s.dir)
	require.NoError(t, err)
	if err := s.lockAndRecover(t.Context(), false); err != nil {
		return done, errors.Join(err, s.Close())
	}
	err = s.Close()
	return done, err
}

// Names are forced out before the journal says that they are there, or gone.
func TestRecoverOrder(t *testing.T) {
	for name, tc := range map[string]struct {
		stop string // the world stops once this has its name
		want []string
	}{
		"finished": {"tool", []string{"sync directory", "sync journal.json.write", "rename journal.json"}},
		"undone":   {"tool.backup", []string{"sync directory", "remove tool.backup", "sync directory", "sync journal.json.write", "rename journal.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			require.NoError(t, os.WriteFile(target, goodBytes, 0o755))
			update(t, target, oldBytes)
			require.NoError(t, os.Remove(target+".backup"))
			dead := false
			f := &faulty{before: func(string, string) error {
				if dead {
					return errFault
				}
				return nil
			}, after: func(op, name string) error {
				dead = dead || op == "rename" && name == tc.stop
				return nil
			}}
			require.Error(t, f.run(target, false))

			var order []string
			log := &faulty{after: func(op, name string) error {
				kind, _, _ := strings.Cut(filepath.Base(name), "-")
				if filepath.Clean(name) == filepath.Dir(target) {
					kind = "directory"
				}
				if op == "sync" || op == "rename" || op == "remove" {
					order = append(order, op+" "+kind)
				}
				return nil
			}}
			_, err := recoverTarget(t.Context(), target, log.open, time.Now)
			require.NoError(t, err)
			require.Equal(t, tc.want, order[:len(tc.want)])
		})
	}
}

func TestRecoverCountsStarts(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(t.Context(), target)
	require.NoError(t, err)
	_, err = s.Commit(stage(t, s, newBytes), Plan{Version: "2.0.0", Previous: "1.0.0", Probation: 2})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for start := 1; start <= 2; start++ {
		r, err := Recover(t.Context(), target)
		require.NoError(t, err)
		require.Equal(t, Recovery{Starts: start, Limit: 2}, r)
		requireFile(t, target, newBytes)
	}
	r, err := Recover(t.Context(), target)
	require.NoError(t, err)
	require.Equal(t, Recovery{Restored: true, Failed: "2.0.0", Starts: 3, Limit: 2}, r)
	requireFile(t, target, oldBytes)
	require.NoFileExists(t, target+".backup")

	r, err = Recover(t.Context(), target)
	require.NoError(t, err)
	require.Zero(t, r)
	s, err = Begin(t.Context(), target)
	require.NoError(t, err)
	defer s.Close()
	failed, ok := s.Failed(sum(newBytes))
	require.True(t, ok)
	require.Equal(t, "2.0.0", failed.Version)
	require.WithinDuration(t, time.Now(), failed.When, time.Minute)
	_, ok = s.Failed(sum(oldBytes))
	require.False(t, ok)
	_, err = s.Commit(stage(t, s, goodBytes), Plan{})
	require.NoError(t, err)
	_, ok = s.Failed(sum(newBytes))
	require.True(t, ok, "another version makes nobody forget it")
}

func TestRollbackThatFailsForgetsNothing(t *testing.T) {
	target := newTarget(t)
	onProbation(t, target)
	f := &faulty{before: func(op, name string) error {
		if op == "rename" && name == "tool" {
			return errFault
		}
		return nil
	}}
	require.ErrorIs(t, rollback(t.Context(), target, f.open), errFault)
	r, err := Recover(t.Context(), target)
	require.NoError(t, err)
	require.Equal(t, Recovery{Starts: 1, Limit: 3}, r)
}

func TestConfirmEndsProbation(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, Confirm(t.Context(), target), "without an update there is nothing to confirm")
	require.NoDirExists(t, WorkDir(target))
	s, err := Begin(t.Context(), target)
	require.NoError(t, err)
	_, err = s.Commit(stage(t, s, newBytes), Plan{Probation: 1})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, Confirm(t.Context(), target), "it was not started yet")
	r, err := Recover(t.Context(), target)
	require.NoError(t, err)
	require.Equal(t, Recovery{Starts: 1, Limit: 1}, r)
	require.NoError(t, Confirm(t.Context(), target))
	require.NoError(t, Confirm(t.Context(), target), "again does nothing")
	for range 3 {
		r, err := Recover(t.Context(), target)
		require.NoError(t, err)
		require.Zero(t, r)
	}
	requireFile(t, target, newBytes)
	require.NoError(t, Rollback(t.Context(), target))
	requireFile(t, target, oldBytes)
}

// What was put in place by something else than us is not on probation.
func TestProbationEndsWithAnotherFile(t *testing.T) {
	target := newTarget(t)
	onProbation(t, target)
	require.NoError(t, os.Remove(target))
	require.NoError(t, os.WriteFile(target, []byte("from a package"), 0o755))
	for range 5 {
		_, err := Recover(t.Context(), target)
		require.NoError(t, err)
	}
	requireFile(t, target, []byte("from a package"))
	requireFile(t, target+".backup", goodBytes)
}

// Nor if it has size and time of what was.
func TestAnotherFileOfTheSameTimeIsNotGivenUp(t *testing.T) {
	target := newTarget(t)
	onProbation(t, target)
	info, err := os.Stat(target)
	require.NoError(t, err)
	other := bytes.Repeat([]byte{'x'}, len(oldBytes))
	require.NoError(t, os.Remove(target))
	require.NoError(t, os.WriteFile(target, other, 0o755))
	require.NoError(t, os.Chtimes(target, time.Time{}, info.ModTime()))
	for range 5 {
		r, err := Recover(t.Context(), target)
		require.NoError(t, err)
		require.False(t, r.Restored)
	}
	requireFile(t, target, other)
}

// Nor is it given up for what was there before it.
func TestUpdateOfAnotherFileWhileOnProbation(t *testing.T) {
	target := newTarget(t)
	onProbation(t, target)
	require.NoError(t, os.Remove(target))
	require.NoError(t, os.WriteFile(target, []byte("from a package"), 0o755))
	update(t, target, newBytes)
	requireFile(t, target+".backup", []byte("from a package"))
}

// The update is on disk, and what Recover makes of it is what was reported.
func TestLastJournalFails(t *testing.T) {
	for name, checked := range map[string]bool{"no check": false, "checked": true} {
		t.Run(name, func(t *testing.T) {
			target, writes := newTarget(t), 0
			f := &faulty{before: func(op, name string) error {
				if op == "rename" && filepath.Base(name) == journalFile {
					if writes++; writes == 2 {
						return errFault
					}
				}
				return nil
			}}
			s, err := begin(t.Context(), target, false, f.open)
			require.NoError(t, err)
			plan, want := Plan{}, newBytes
			if checked {
				plan.Check, want = func() error { return nil }, oldBytes
			}
			_, err = s.Commit(stage(t, s, newBytes), plan)
			require.Equal(t, checked, err != nil)
			require.NoError(t, s.Close())
			requireFile(t, target, want)
			_, err = Recover(t.Context(), target)
			require.NoError(t, err)
			requireFile(t, target, want)
		})
	}
}

// A version that has to go and cannot stays, and that is said once.
func TestProbationWithoutBackup(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"gone":  os.Remove,
		"empty": func(path string) error { return os.Truncate(path, 0) },
		"damaged": func(path string) error {
			return os.WriteFile(path, []byte("The last version that was confirmed"), 0o755)
		},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			onProbation(t, target)
			for range 3 {
				_, err := Recover(t.Context(), target)
				require.NoError(t, err)
			}
			require.NoError(t, spoil(target+".backup"))
			r, err := Recover(t.Context(), target)
			require.ErrorIs(t, err, ErrNoBackup)
			require.Equal(t, "1", r.Failed)
			require.False(t, r.Restored)
			requireFile(t, target, oldBytes)
			r, err = Recover(t.Context(), target)
			require.NoError(t, err)
			require.Zero(t, r)
			require.ErrorIs(t, Rollback(t.Context(), target), ErrNoBackup)
		})
	}
}

func TestHealthCheckPutsTheOldFileBack(t *testing.T) {
	for name, aside := range map[string]bool{"replaced": false, "renamed aside": true} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			older(t, target)
			before := snapshot(t, filepath.Dir(target))
			s, err := Begin(t.Context(), target)
			require.NoError(t, err)
			s.renameAside = aside
			sick := errors.New("it does not answer")
			_, err = s.Commit(stage(t, s, newBytes), Plan{Check: func() error {
				requireFile(t, target, newBytes)
				return sick
			}})
			require.ErrorIs(t, err, ErrHealth)
			require.ErrorIs(t, err, sick)
			require.NoError(t, s.Close())
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

// An update whose check is owed and that cannot be undone stays. That is said
// once, and stands in nobody's way.
func TestCheckIsOwedAndBackupDamaged(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(t.Context(), target)
	require.NoError(t, err)
	stop := errors.New("stop")
	require.PanicsWithError(t, "stop", func() {
		_, _ = s.Commit(stage(t, s, newBytes), Plan{Check: func() error { panic(stop) }})
	})
	require.NoError(t, s.lock.Release())
	require.NoError(t, os.WriteFile(target+".backup", []byte("something else"), 0o755))
	_, err = Recover(t.Context(), target)
	require.ErrorIs(t, err, ErrNoBackup)
	requireFile(t, target, newBytes)
	_, err = Recover(t.Context(), target)
	require.NoError(t, err)
	update(t, target, goodBytes)
}

func TestFailuresAreBounded(t *testing.T) {
	var r record
	for i := range 2 * maxFailed {
		r.New = content{Version: fmt.Sprint(i), Hash: fmt.Sprint(i)}
		r = r.withFailure(time.Now()).withFailure(time.Now())
	}
	require.Len(t, r.Failed, maxFailed)
	require.Equal(t, fmt.Sprint(2*maxFailed-1), r.Failed[maxFailed-1].Version)
	require.Equal(t, fmt.Sprint(maxFailed), r.Failed[0].Version, "the oldest go, and none is there twice")
}

// A journal that is damaged is told, and stands in nobody's way.
func TestDamagedJournal(t *testing.T) {
	for name, spoil := range map[string]func(raw []byte) []byte{
		"truncated": func(raw []byte) []byte { return raw[:len(raw)/2] },
		"empty":     func([]byte) []byte { return nil },
		"flipped":   func(raw []byte) []byte { raw[len(raw)/2] ^= 1; return raw },
		"too large": func(raw []byte) []byte { return append(raw, make([]byte, maxJournal)...) },
		"not JSON":  func([]byte) []byte { return []byte("{") },
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			onProbation(t, target)
			path := filepath.Join(WorkDir(target), journalFile)
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, spoil(raw), 0o600))
			_, err = Recover(t.Context(), target)
			require.ErrorIs(t, err, ErrJournal)
			require.ErrorIs(t, Confirm(t.Context(), target), ErrJournal)
			requireFile(t, target, oldBytes)
			update(t, target, newBytes)
			_, err = Recover(t.Context(), target)
			require.NoError(t, err)
			requireFile(t, target+".backup", oldBytes)
		})
	}
}

func TestRecoverWritesNothingWithoutNeed(t *testing.T) {
	target := newTarget(t)
	_, err := Recover(t.Context(), target)
	require.NoError(t, err)
	require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
	update(t, target, newBytes)
	path := filepath.Join(WorkDir(target), journalFile)
	before, err := os.Stat(path)
	require.NoError(t, err)
	_, err = Recover(t.Context(), target)
	require.NoError(t, err)
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))
}

func TestLockedTellsTheHolder(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(t.Context(), target)
	require.NoError(t, err)
	_, err = Begin(t.Context(), target)
	require.ErrorIs(t, err, ErrLocked)
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, os.Getpid(), locked.PID)

	got := make(chan error)
	go func() {
		second, err := BeginWhenFree(t.Context(), target)
		if err == nil {
			err = second.Close()
		}
		got <- err
	}()
	require.NoError(t, s.Close())
	require.NoError(t, <-got)
}

// Who is stopped between making the work directory and the lock leaves nothing
// else to be found.
func TestRecoverRemovesAnEmptyWorkDirectory(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, os.Mkdir(WorkDir(target), 0o700))
	_, err := Recover(t.Context(), target)
	require.NoError(t, err)
	require.NoDirExists(t, WorkDir(target))
	requireFile(t, target, oldBytes)
}

// However sound its beginning is.
func TestJournalIsBounded(t *testing.T) {
	target := newTarget(t)
	onProbation(t, target)
	path := filepath.Join(WorkDir(target), journalFile)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(raw, bytes.Repeat([]byte{' '}, maxJournal)...), 0o600))
	_, err = Recover(t.Context(), target)
	require.ErrorIs(t, err, ErrJournal)
	require.ErrorContains(t, err, "larger than")
}
