// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

// judgeAs is Judge. If stop is not 0, operation stop fails, and if the process is killed
// there, all that follow.
func judgeAs(t *testing.T, target string, aside bool, stop int, kill bool, boot time.Duration) (done bool, err error) {
	t.Helper()
	done = true
	count := 0
	f := &faulty{before: func(string, string) error {
		if count++; stop > 0 && (count == stop || kill && count > stop) {
			done = false
			return errFault
		}
		return nil
	}}
	// As on Windows, an interrupted swap can leave no target.
	s, err := newSession(filepath.Dir(target), Options{Boot: func() time.Duration { return boot }})
	require.NoError(t, errors.Join(err, s.fsys.Close()))
	s.dir, s.base, s.work = filepath.Dir(target), filepath.Base(target), workName(filepath.Base(target))
	s.renameAside = aside
	s.fsys, err = f.open(s.dir)
	require.NoError(t, err)
	err = s.recoverStart(t.Context(), true)
	return done, errors.Join(err, s.Close())
}

// The target cannot be looked at: nothing is known of it, so nothing changes.
func TestTargetThatCannotBeRead(t *testing.T) {
	for name, call := range map[string]func(target string, o Options) error{
		"confirm": func(target string, o Options) error { return Confirm(t.Context(), target, o) },
		"recover": func(target string, o Options) error { _, err := Recover(t.Context(), target, o); return err },
		"judge":   func(target string, o Options) error { _, err := Judge(t.Context(), target, o); return err },
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			onProbation(t, target)
			_, err := Recover(t.Context(), target, Options{})
			require.NoError(t, err)
			before, err := Look(target, Options{})
			require.NoError(t, err)
			held := false
			f := &faulty{before: func(op, name string) error {
				held = held || op == "open" && filepath.Base(name) == journalLock
				if held && op == "lstat" && name == "tool" {
					return errFault
				}
				return nil
			}}
			require.ErrorIs(t, call(target, Options{open: f.open}), errFault)
			after, err := Look(target, Options{})
			require.NoError(t, err)
			require.Equal(t, before, after)
			requireFile(t, target, oldBytes)
		})
	}
}

// Another process replaces the journal while it is opened.
func TestJournalReplacedWhileItIsOpened(t *testing.T) {
	for replaced, want := range map[int]error{0: nil, 1: nil, 5: nil, 1000: store.ErrChanged} {
		target := newTarget(t)
		onProbation(t, target)
		raw, err := os.ReadFile(JournalPath(target))
		require.NoError(t, err)
		left, opened := replaced, 0
		f := &faulty{before: func(op, name string) error {
			if op != "open" || filepath.Base(name) != journalFile {
				return nil
			}
			if opened++; left > 0 {
				left--
				require.NoError(t, os.WriteFile(JournalPath(target)+"-next", raw, 0o600))
				require.NoError(t, os.Rename(JournalPath(target)+"-next", JournalPath(target)))
			}
			return nil
		}}
		_, err = Look(target, Options{open: f.open})
		require.ErrorIs(t, err, want)
		if want == nil {
			require.Equal(t, replaced+1, opened)
		}
	}
}

// A judge that gives a version up is killed at every operation, or every operation fails
// once. The target is one of the two versions, complete, and the next judges finish.
func TestJudgeStoppedAtEveryOperation(t *testing.T) {
	for name, tc := range map[string]struct{ aside, kill bool }{
		"killed": {false, true}, "failed": {false, false}, "killed, aside": {true, true}, "failed, aside": {true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				what := fmt.Sprint("operation ", n)
				target := newTarget(t)
				onProbation(t, target, 1)
				boot := time.Minute
				_, err := judgeAs(t, target, tc.aside, 0, false, boot)
				require.NoError(t, err)
				requireFile(t, target, oldBytes)
				boot += time.Minute
				done, _ := judgeAs(t, target, tc.aside, n, tc.kill, boot)
				if !tc.aside {
					got, err := os.ReadFile(target)
					require.NoError(t, err, what)
					require.Contains(t, []string{sum(oldBytes), sum(goodBytes)}, sum(got), what)
				}
				for range 2 {
					boot += time.Minute
					_, err := judgeAs(t, target, tc.aside, 0, false, boot)
					require.NoError(t, err, what)
				}
				requireFile(t, target, goodBytes)
				facts, err := Look(target, Options{})
				require.NoError(t, err, what)
				require.False(t, facts.Probation, what)
				require.Len(t, facts.Failed, 1, what)
				require.Equal(t, FailedProbation, facts.Failed[0].Reason, what)
				require.True(t, facts.Failed[0].GivenUp(), what)
				// At most the empty file starts.lock is left, until the next update.
				update(t, target, newBytes)
				require.Equal(t, []string{"tool", "tool.backup"}, names(t, filepath.Dir(target)), what)
				if done {
					require.Greater(t, n, 25, "operations were counted")
					break
				}
			}
		})
	}
}
