// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

// These tests do something in the middle of another process's change.

func commit(t *testing.T, target string, content []byte, p Plan) error {
	t.Helper()
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.Commit(stage(t, s, content), p)
	return err
}

// atBackup calls do when the backup is opened for the first time.
type atBackup struct {
	fsys
	noLinks bool
	do      func()
}

func (a *atBackup) open(dir string) (fsys, error) {
	var err error
	a.fsys, err = openRoot(dir)
	return a, err
}

func (a *atBackup) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	if do := a.do; do != nil && name == "tool.backup" {
		a.do = nil
		do()
	}
	return a.fsys.OpenFile(name, flag, perm)
}

func (a *atBackup) Link(oldname, newname string) error {
	if a.noLinks {
		return fs.ErrInvalid
	}
	return a.fsys.Link(oldname, newname)
}

func TestConfirmedWhileItIsGivenUp(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, commit(t, target, newBytes, Plan{Version: "2", Previous: "1", Probation: 1}))
	_, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	confirms := &atBackup{do: func() { require.NoError(t, Confirm(t.Context(), target, Options{})) }}
	r, err := Recover(t.Context(), target, Options{open: confirms.open})
	require.NoError(t, err)
	require.False(t, r.Restored)
	require.Empty(t, r.Failed)
	requireFile(t, target, newBytes)
	f, err := Look(target, Options{})
	require.NoError(t, err)
	require.Empty(t, f.Failed)
	require.False(t, f.Probation)
}

// A person rolls back while a start is counted, with and without hard links.
func TestRollbackWhileAStartIsCounted(t *testing.T) {
	for _, noLinks := range []bool{false, true} {
		target := newTarget(t)
		require.NoError(t, commit(t, target, newBytes, Plan{Version: "2", Previous: "1", Probation: 5}))
		counts := &atBackup{noLinks: noLinks, do: func() {
			_, err := Recover(t.Context(), target, Options{})
			require.NoError(t, err)
		}}
		require.NoError(t, rollback(t.Context(), target, counts.open))
		requireFile(t, target, oldBytes)
	}
}

// A process of the version before confirms while the next one is being swapped in. One of
// the next version, in its health check, does not confirm the version before.
func TestConfirmDuringTheSwapOfTheNextVersion(t *testing.T) {
	for name, tc := range map[string]struct {
		check error
		by    Running
		floor string
	}{
		"which fails":                      {errSick, RunsAnother, "2.0.0"},
		"which works":                      {nil, RunsAnother, "2.0.0"},
		"which fails, by the next version": {errSick, RunsTarget, ""},
		"which works, by the next version": {nil, RunsTarget, ""},
		"which fails, by one of the two":   {errSick, NotKnown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			check := tc.check
			target := newTarget(t)
			accept := func(version string) *store.Installed { return &store.Installed{Policy: "p", Version: version} }
			require.NoError(t, commit(t, target, newBytes, Plan{Version: "2.0.0", Previous: "1.0.0", Probation: 1, Accept: accept("2.0.0")}))
			_, err := Recover(t.Context(), target, Options{})
			require.NoError(t, err)
			err = commit(t, target, goodBytes, Plan{Version: "3.0.0", Previous: "2.0.0", Probation: 1, Accept: accept("3.0.0"), Check: func() error {
				require.NoError(t, Confirm(t.Context(), target, Options{runs: func(string) Running { return tc.by }}))
				return check
			}})
			require.ErrorIs(t, err, check)
			f, err := Look(target, Options{})
			require.NoError(t, err)
			require.Equal(t, tc.floor, f.Review(f.Memory.For("p")).Floor())
			require.Equal(t, check == nil || tc.by != RunsAnother, f.Probation)
		})
	}
}

// An unfinished swap, as a killed process leaves it, is not confirmed by anybody.
func TestConfirmOfAnInterruptedFirstUpdate(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	before := record{State: swapping, New: content{Hash: sum(newBytes)}, Probation: probation{Limit: 1}}
	require.NoError(t, s.writeJournal(before))
	require.NoError(t, s.lock.Release())
	require.NoError(t, Confirm(t.Context(), target, Options{}))
	require.NoError(t, s.readJournal())
	require.Equal(t, before, s.journal)
}

// before calls do once, before the first operation on a file of that name.
type before struct {
	fsys
	name string
	do   func()
}

func (b *before) open(dir string) (fsys, error) {
	var err error
	b.fsys, err = openRoot(dir)
	return b, err
}

func (b *before) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	if do := b.do; do != nil && filepath.Base(name) == b.name {
		b.do = nil
		do()
	}
	return b.fsys.OpenFile(name, flag, perm)
}

// The version is confirmed while this process finds out that its backup is lost: it is good,
// and not given up.
func TestConfirmedWhileItsBackupIsMissed(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, commit(t, target, newBytes, Plan{Version: "2", Previous: "1", Probation: 1}))
	_, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	require.NoError(t, os.Remove(target+".backup"))
	f := &faulty{before: func(op, name string) error {
		if op == "lstat" && name == "tool.backup" {
			return Confirm(t.Context(), target, Options{})
		}
		return nil
	}}
	r, err := Recover(t.Context(), target, Options{open: f.open})
	require.ErrorIs(t, err, ErrNoBackup)
	require.False(t, r.Restored)
	facts, err := Look(target, Options{})
	require.NoError(t, err)
	require.Empty(t, facts.Failed)
	require.False(t, facts.Probation)
}

// Two processes see that the version had its starts. One of them gives it up, and the other
// finds that done.
func TestGivenUpByAnotherProcessMeanwhile(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, commit(t, target, newBytes, Plan{Version: "2", Previous: "1", Probation: 1}))
	_, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	other := &before{name: lockFile, do: func() {
		r, err := Recover(t.Context(), target, Options{})
		require.NoError(t, err)
		require.True(t, r.Restored)
	}}
	r, err := Recover(t.Context(), target, Options{open: other.open})
	require.NoError(t, err)
	require.False(t, r.Restored)
	requireFile(t, target, oldBytes)
	f, err := Look(target, Options{})
	require.NoError(t, err)
	require.Len(t, f.Failed, 1, "only that version")
	require.Equal(t, "2", f.Failed[0].Version)
}

// The next version is installed between the two looks of Confirm: that is not the one that
// works.
func TestConfirmIsNotForTheNextVersion(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, commit(t, target, newBytes, Plan{Version: "2", Previous: "1", Probation: 1}))
	_, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	update := &before{name: journalLock, do: func() {
		require.NoError(t, commit(t, target, goodBytes, Plan{Version: "3", Previous: "2", Probation: 1}))
	}}
	require.NoError(t, Confirm(t.Context(), target, Options{open: update.open}))
	f, err := Look(target, Options{})
	require.NoError(t, err)
	require.Equal(t, "3", f.Version)
	require.True(t, f.Probation)
}
