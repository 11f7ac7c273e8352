// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRecoverCountsStarts(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	_, err = s.Commit(stage(t, s, newBytes), Plan{Version: "2.0.0", Previous: "1.0.0", Probation: 2})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for start := 1; start <= 2; start++ {
		r, err := Recover(t.Context(), target, Options{})
		require.NoError(t, err)
		require.Equal(t, Recovery{Starts: start, Limit: 2}, r)
		requireFile(t, target, newBytes)
	}
	r, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	require.Equal(t, Recovery{Restored: true, Failed: "2.0.0", Back: "1.0.0", Starts: 3, Limit: 2}, r)
	requireFile(t, target, oldBytes)
	require.NoFileExists(t, target+".backup")

	r, err = Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	require.Zero(t, r)
	s, err = Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	defer s.Close()
	failed, ok := s.Failed(sum(newBytes))
	require.True(t, ok)
	require.Equal(t, "2.0.0", failed.Version)
	require.WithinDuration(t, time.Now(), failed.Last, time.Minute)
	_, ok = s.Failed(sum(oldBytes))
	require.False(t, ok)
	_, err = s.Commit(stage(t, s, goodBytes), Plan{})
	require.NoError(t, err)
	_, ok = s.Failed(sum(newBytes))
	require.True(t, ok, "the next version does not remove it")
}

func TestFailedRollbackKeepsJournal(t *testing.T) {
	target := newTarget(t)
	onProbation(t, target)
	f := &faulty{before: func(op, name string) error {
		if op == "rename" && name == "tool" {
			return errFault
		}
		return nil
	}}
	require.ErrorIs(t, rollback(t.Context(), target, f.open), errFault)
	r, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	require.Equal(t, Recovery{Starts: 1, Limit: 3}, r)
}

func TestConfirmEndsProbation(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, Confirm(t.Context(), target, Options{}), "without an update it does nothing")
	require.NoDirExists(t, WorkDir(target))
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	_, err = s.Commit(stage(t, s, newBytes), Plan{Probation: 1})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, Confirm(t.Context(), target, Options{}), "before the first start it does nothing")
	r, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	require.Equal(t, Recovery{Starts: 1, Limit: 1}, r)
	require.NoError(t, Confirm(t.Context(), target, Options{}))
	require.NoError(t, Confirm(t.Context(), target, Options{}), "a second Confirm does nothing")
	for range 3 {
		r, err := Recover(t.Context(), target, Options{})
		require.NoError(t, err)
		require.Zero(t, r)
	}
	requireFile(t, target, newBytes)
	require.NoError(t, Rollback(t.Context(), target))
	requireFile(t, target, oldBytes)
}

// A file that another program installed is not on probation.
func TestProbationEndsIfFileIsReplaced(t *testing.T) {
	target := newTarget(t)
	onProbation(t, target)
	require.NoError(t, os.Remove(target))
	require.NoError(t, os.WriteFile(target, []byte("from a package"), 0o755))
	for range 5 {
		_, err := Recover(t.Context(), target, Options{})
		require.NoError(t, err)
	}
	requireFile(t, target, []byte("from a package"))
	requireFile(t, target+".backup", goodBytes)
}

// Not even if it has the size and time of the file that was on probation.
func TestReplacedFileOfSameTimeIsNotGivenUp(t *testing.T) {
	target := newTarget(t)
	onProbation(t, target)
	info, err := os.Stat(target)
	require.NoError(t, err)
	other := bytes.Repeat([]byte{'x'}, len(oldBytes))
	require.NoError(t, os.Remove(target))
	require.NoError(t, os.WriteFile(target, other, 0o755))
	require.NoError(t, os.Chtimes(target, time.Time{}, info.ModTime()))
	for range 5 {
		r, err := Recover(t.Context(), target, Options{})
		require.NoError(t, err)
		require.False(t, r.Restored)
	}
	requireFile(t, target, other)
}

// The backup of such a file is that file, not the last version that was confirmed.
func TestBackupIfFileOnProbationWasReplaced(t *testing.T) {
	target := newTarget(t)
	onProbation(t, target)
	require.NoError(t, os.Remove(target))
	require.NoError(t, os.WriteFile(target, []byte("from a package"), 0o755))
	update(t, target, newBytes)
	requireFile(t, target+".backup", []byte("from a package"))
}

// Nor is a damaged backup kept: the file on probation, which works so far, is the next
// one.
func TestUpdateOnProbationReplacesDamagedBackup(t *testing.T) {
	for name, tc := range map[string]struct {
		backup, want []byte
	}{
		"intact":  {goodBytes, goodBytes},
		"damaged": {[]byte("something else"), oldBytes},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			onProbation(t, target)
			require.NoError(t, os.WriteFile(target+".backup", tc.backup, 0o755))
			update(t, target, newBytes)
			requireFile(t, target+".backup", tc.want)
		})
	}
}

// If the last journal cannot be written, Recover agrees with what Commit reported.
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
			s, err := Begin(t.Context(), target, Options{open: f.open})
			require.NoError(t, err)
			plan, want := Plan{}, newBytes
			if checked {
				plan.Check, want = func() error { return nil }, oldBytes
			}
			_, err = s.Commit(stage(t, s, newBytes), plan)
			require.Equal(t, checked, err != nil)
			require.NoError(t, s.Close())
			requireFile(t, target, want)
			_, err = Recover(t.Context(), target, Options{})
			require.NoError(t, err)
			requireFile(t, target, want)
		})
	}
}

// A version that cannot be given up stays, and the error is returned once.
func TestProbationWithoutBackup(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
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
				_, err := Recover(t.Context(), target, Options{})
				require.NoError(t, err)
			}
			require.NoError(t, damage(target+".backup"))
			r, err := Recover(t.Context(), target, Options{})
			require.ErrorIs(t, err, ErrNoBackup)
			require.Equal(t, "1", r.Failed)
			require.False(t, r.Restored)
			requireFile(t, target, oldBytes)
			r, err = Recover(t.Context(), target, Options{})
			require.NoError(t, err)
			require.Zero(t, r)
			require.ErrorIs(t, Rollback(t.Context(), target), ErrNoBackup)
		})
	}
}

func TestFailedHealthCheckRestoresOldFile(t *testing.T) {
	for name, aside := range map[string]bool{"replaced": false, "renamed aside": true} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			withBackup(t, target)
			before := snapshot(t, filepath.Dir(target))
			s, err := Begin(t.Context(), target, Options{Now: func() time.Time { return when }})
			require.NoError(t, err)
			s.renameAside = aside
			failure := errors.New("it does not answer")
			_, err = s.Commit(stage(t, s, newBytes), Plan{Version: "2", Check: func() error {
				requireFile(t, target, newBytes)
				return failure
			}})
			require.ErrorIs(t, err, ErrHealth)
			require.ErrorIs(t, err, failure)
			f, failed := s.Failed(sum(newBytes))
			require.True(t, failed)
			require.Equal(t, Failure{
				Version: "2", Hash: sum(newBytes), Reason: FailedHealthCheck, Count: 1, First: when, Last: when, Next: when.Add(time.Hour),
			}, f)
			require.NoError(t, s.Close())
			require.NoError(t, os.Remove(JournalPath(target)), "it remembers the failure, and nothing else is there")
			require.NoError(t, os.Remove(WorkDir(target)))
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

// An update that was interrupted in its check stays if its backup is damaged. The error
// is returned once, and the next update works.
func TestInterruptedCheckAndDamagedBackup(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	stop := errors.New("stop")
	require.PanicsWithError(t, "stop", func() {
		_, _ = s.Commit(stage(t, s, newBytes), Plan{Check: func() error { panic(stop) }})
	})
	require.NoError(t, s.lock.Release())
	require.NoError(t, os.WriteFile(target+".backup", []byte("something else"), 0o755))
	_, err = Recover(t.Context(), target, Options{})
	require.ErrorIs(t, err, ErrNoBackup)
	requireFile(t, target, newBytes)
	_, err = Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	update(t, target, goodBytes)
}

func TestNumberOfFailuresIsBounded(t *testing.T) {
	var r record
	for i := range 2 * maxFailed {
		r.New = content{Version: fmt.Sprint(i), Hash: fmt.Sprint(i)}
		r = r.failed(r.New, FailedProbation, time.Now()).failed(r.New, FailedProbation, time.Now())
	}
	require.Len(t, r.Failed, maxFailed)
	require.Equal(t, fmt.Sprint(2*maxFailed-1), r.Failed[maxFailed-1].Version)
	require.Equal(t, fmt.Sprint(maxFailed), r.Failed[0].Version, "the oldest are removed, and none is there twice")
}
