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

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/testing/race"
)

var goodBytes = []byte("the last version that was confirmed")

// interrupted is an update or rollback that is interrupted.
type interrupted struct {
	aside    bool
	prepare  func(t *testing.T, target string)
	plan     Plan
	rollback bool
	checked  bool   // with a health check that passes
	backup   []byte // content of .backup after the update
	before   []byte // content of .backup before, nil for none
}

var firstUpdate = interrupted{backup: oldBytes}

func withBackup(t *testing.T, target string) {
	require.NoError(t, os.WriteFile(target+".backup", goodBytes, 0o755))
}

func onProbation(t *testing.T, target string, starts ...int) {
	require.NoError(t, os.WriteFile(target, goodBytes, 0o755))
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	_, err = s.Commit(stage(t, s, oldBytes), Plan{Version: "1", Probation: append(starts, 3)[0]})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func onThreeStarts(t *testing.T, target string) { onProbation(t, target) }

func withUpdate(t *testing.T, target string) {
	require.NoError(t, os.WriteFile(target, newBytes, 0o755))
	update(t, target, oldBytes)
}

var interruptions = map[string]interrupted{
	"first update":            firstUpdate,
	"older backup":            {prepare: withBackup, backup: oldBytes, before: goodBytes},
	"renamed aside":           {aside: true, prepare: withBackup, backup: oldBytes, before: goodBytes},
	"probation":               {plan: Plan{Version: "2", Probation: 2}, backup: oldBytes},
	"health check":            {checked: true, backup: oldBytes, prepare: withBackup, before: goodBytes},
	"health check, aside":     {aside: true, checked: true, backup: oldBytes, prepare: withBackup, before: goodBytes},
	"while on probation":      {prepare: onThreeStarts, backup: goodBytes, before: goodBytes},
	"on probation, and check": {prepare: onThreeStarts, checked: true, backup: goodBytes, before: goodBytes},
	"on probation, aside":     {aside: true, prepare: onThreeStarts, backup: goodBytes, before: goodBytes},
	"rollback":                {rollback: true, prepare: withUpdate, before: newBytes},
	"rollback, aside":         {aside: true, rollback: true, prepare: withUpdate, before: newBytes},
}

// run makes the whole update. From operation stop on all operations fail, so that the
// disk is as a killed process leaves it. It returns whether operation stop was reached,
// and the error of the update.
func (w interrupted) run(t *testing.T, target string, stop int) (stopped bool, err error) {
	t.Helper()
	count := 0
	f := &faulty{before: func(string, string) error {
		if count++; count >= stop {
			stopped = true
			return errFault
		}
		return nil
	}}
	s, err := Begin(t.Context(), target, Options{open: f.open})
	if err != nil {
		return stopped, err
	}
	defer s.Close()
	s.renameAside = w.aside
	if w.rollback {
		return stopped, s.rollback(RolledBack)
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

func (w interrupted) target(t *testing.T) string {
	t.Helper()
	target := newTarget(t)
	if w.prepare != nil {
		w.prepare(t, target)
	}
	return target
}

// requireRecovered requires the state in which recovery must leave the files, as in the
// table of the package documentation.
func (w interrupted) requireRecovered(t *testing.T, target string, reported error, what string) {
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
		require.Fail(t, "the target is neither the old nor the new file", what)
	}
	for _, name := range names(t, filepath.Dir(target)) {
		require.Contains(t, []string{"tool", "tool.backup"}, name, what)
	}
}

// An update is interrupted at every operation, and Recover finishes or undoes it. So it
// does if it is interrupted itself, at every operation.
func TestInterruptEveryOperation(t *testing.T) {
	race.Skip(t, "too slow; TestEveryOperationFails takes the same steps")
	for name, w := range interruptions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				target := w.target(t)
				stopped, reported := w.run(t, target, n)
				_, err := recoverAs(t, target, w.aside, 0)
				require.NoError(t, err, n)
				w.requireRecovered(t, target, reported, fmt.Sprint("operation ", n))
				again := w.target(t)
				_, reported = w.run(t, again, n)
				for m := 1; ; m++ {
					if done, _ := recoverAs(t, again, w.aside, m); done {
						break
					}
					require.Less(t, m, 200)
				}
				w.requireRecovered(t, again, reported, fmt.Sprint("operation ", n, ", recovered in steps"))
				if !stopped {
					require.Greater(t, n, 25, "operations were counted")
					break
				}
			}
		})
	}
}

// recoverAs recovers target. If stop is not 0, all operations from stop on fail. It
// returns done if stop was not reached.
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
	s, err := newSession(target, Options{open: f.open})
	if aside && errors.Is(err, fs.ErrNotExist) {
		// As on Windows, an interrupted swap can leave no target.
		s, err = newSession(filepath.Dir(target), Options{open: f.open})
		require.NoError(t, errors.Join(err, s.fsys.Close()))
		s.dir, s.base, s.work = filepath.Dir(target), filepath.Base(target), workName(filepath.Base(target))
		s.fsys, err = f.open(s.dir)
	}
	require.NoError(t, err)
	s.renameAside = aside
	if err := s.lockAndRecover(t.Context(), false); err != nil {
		return done, errors.Join(err, s.Close())
	}
	err = s.Close()
	return done, err
}

// Names are synced before the journal says that they are there, or removed.
func TestRecoverySyncsBeforeJournal(t *testing.T) {
	for name, tc := range map[string]struct {
		stop string // the update is interrupted after the rename to this name
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
			_, err := Recover(t.Context(), target, Options{open: log.open})
			require.NoError(t, err)
			require.Equal(t, tc.want, order[:len(tc.want)])
		})
	}
}

// A damaged journal is reported, and the next update works.
func TestDamagedJournal(t *testing.T) {
	for name, damage := range map[string]func(raw []byte) []byte{
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
			require.NoError(t, os.WriteFile(path, damage(raw), 0o600))
			_, err = Recover(t.Context(), target, Options{})
			require.ErrorIs(t, err, ErrJournal)
			require.ErrorIs(t, Confirm(t.Context(), target, Options{}), ErrJournal)
			requireFile(t, target, oldBytes)
			update(t, target, newBytes)
			_, err = Recover(t.Context(), target, Options{})
			require.NoError(t, err)
			requireFile(t, target+".backup", oldBytes)
		})
	}
}

func TestRecoverWritesNothingIfNothingIsToDo(t *testing.T) {
	target := newTarget(t)
	_, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
	update(t, target, newBytes)
	path := filepath.Join(WorkDir(target), journalFile)
	before, err := os.Stat(path)
	require.NoError(t, err)
	_, err = Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))
}

func TestLockedErrorHasHolder(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	_, err = Begin(t.Context(), target, Options{})
	require.ErrorIs(t, err, ErrLocked)
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, os.Getpid(), locked.PID)

	got := make(chan error)
	go func() {
		second, err := Begin(t.Context(), target, Options{Wait: true})
		if err == nil {
			err = second.Close()
		}
		got <- err
	}()
	require.NoError(t, s.Close())
	require.NoError(t, <-got)
}

// An update was interrupted between creating the work directory and the lock.
func TestRecoverRemovesEmptyWorkDirectory(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, os.Mkdir(WorkDir(target), 0o700))
	_, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	require.NoDirExists(t, WorkDir(target))
	requireFile(t, target, oldBytes)
}

// A journal that is valid but for its size.
func TestJournalIsBounded(t *testing.T) {
	target := newTarget(t)
	onProbation(t, target)
	path := filepath.Join(WorkDir(target), journalFile)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(raw, bytes.Repeat([]byte{' '}, maxJournal)...), 0o600))
	_, err = Recover(t.Context(), target, Options{})
	require.ErrorIs(t, err, ErrJournal)
	require.ErrorContains(t, err, "larger than")
}

// Another process stores a file in the work directory, and renames it while leftovers
// are looked for: that is no error of the update.
func TestLeftoverThatDisappears(t *testing.T) {
	for _, at := range []string{"lstat", "remove"} {
		target := newTarget(t)
		onProbation(t, target)
		name := filepath.Join(WorkDir(target), "document."+store.RandomName("write"))
		require.NoError(t, os.WriteFile(name, nil, 0o600))
		f := &faulty{before: func(op, path string) error {
			if op == at && filepath.Base(path) == filepath.Base(name) {
				_ = os.Remove(name)
			}
			return nil
		}}
		require.NoError(t, Confirm(t.Context(), target, Options{open: f.open}), at)
	}
}
