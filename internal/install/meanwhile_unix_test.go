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
	"time"

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

// A process of the version before confirms while the next one is being swapped in.
func TestConfirmDuringTheSwapOfTheNextVersion(t *testing.T) {
	for name, check := range map[string]error{"which fails": errSick, "which works": nil} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			accept := func(version string) *store.Installed { return &store.Installed{Policy: "p", Version: version} }
			require.NoError(t, commit(t, target, newBytes, Plan{Version: "2.0.0", Previous: "1.0.0", Probation: 1, Accept: accept("2.0.0")}))
			_, err := Recover(t.Context(), target, Options{})
			require.NoError(t, err)
			err = commit(t, target, goodBytes, Plan{Version: "3.0.0", Previous: "2.0.0", Probation: 1, Accept: accept("3.0.0"), Check: func() error {
				require.NoError(t, Confirm(t.Context(), target, Options{}))
				return check
			}})
			require.ErrorIs(t, err, check)
			f, err := Look(target, Options{})
			require.NoError(t, err)
			require.Equal(t, "2.0.0", f.Review(f.Memory.For("p")).Floor())
			require.Equal(t, check == nil, f.Probation, "of the next version only")
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

// Two machines share a directory, or it was copied to one that is up for longer.
func TestTimeOnProbationOfTwoMachines(t *testing.T) {
	target := newTarget(t)
	up := func(id string, d time.Duration) Options {
		return Options{Boot: func() time.Duration { return d }, BootID: func() string { return id }}
	}
	require.NoError(t, commit(t, target, newBytes, Plan{Version: "2", Previous: "1", ProbationTime: 10 * time.Minute}))
	for _, o := range []Options{up("one", time.Hour), up("two", 2400*time.Hour), up("two", 2400*time.Hour+9*time.Minute), up("one", 9000*time.Hour)} {
		r, err := Recover(t.Context(), target, o)
		require.NoError(t, err)
		require.False(t, r.Restored)
	}
	r, err := Recover(t.Context(), target, up("one", 9000*time.Hour+2*time.Minute))
	require.NoError(t, err)
	require.True(t, r.Restored, "eleven minutes that are known")
}

// A process that goes on running, beside a service that crashes, does not stop the clock.
func TestTimeOnProbationBesideAnotherProcess(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, commit(t, target, newBytes, Plan{Version: "2", Previous: "1", Probation: 2, ProbationTime: 10 * time.Minute}))
	up := time.Minute
	o := Options{Boot: func() time.Duration { return up }, Hold: func(l *store.Lock) error { return nil }}
	_, err := Recover(t.Context(), target, o) // its lock is never released
	require.NoError(t, err)
	for starts := 1; ; starts++ {
		up += 4 * time.Minute
		r, err := Recover(t.Context(), target, Options{Boot: o.Boot, Hold: (*store.Lock).Release})
		require.NoError(t, err)
		if r.Restored {
			require.Equal(t, 3, starts)
			return
		}
		require.Equal(t, 1, r.Starts)
		require.Less(t, starts, 3)
	}
}

// A snapshot of hard links (cp -al) keeps a backup of known content from nothing.
func TestBackupWithASnapshotIsRestored(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, commit(t, target, newBytes, Plan{Version: "2", Previous: "1"}))
	snapshot := filepath.Join(t.TempDir(), "snapshot")
	require.NoError(t, os.Link(target+".backup", snapshot))
	require.NoError(t, Rollback(t.Context(), target))
	requireFile(t, target, oldBytes)
	kept, err := os.Stat(snapshot)
	require.NoError(t, err)
	now, err := os.Stat(target)
	require.NoError(t, err)
	require.False(t, os.SameFile(kept, now), "it is not the file of the snapshot")
}

// Another build of a version that was left is there again, and good.
func TestAnotherBuildOfAVersionThatWasLeft(t *testing.T) {
	target := newTarget(t)
	accept := &store.Installed{Policy: "p", Version: "2.0.0"}
	require.NoError(t, commit(t, target, newBytes, Plan{Version: "2.0.0", Previous: "1.0.0", Accept: accept}))
	require.NoError(t, Rollback(t.Context(), target))
	f, err := Look(target, Options{})
	require.NoError(t, err)
	require.Empty(t, f.Review(f.Memory.For("p")).Floor())
	require.NoError(t, commit(t, target, goodBytes, Plan{Version: "2.0.0", Previous: "1.0.0", Accept: accept}))
	f, err = Look(target, Options{})
	require.NoError(t, err)
	require.Equal(t, "2.0.0", f.Review(f.Memory.For("p")).Floor())
	require.Len(t, f.Failed, 1, "the first build stays refused")
	require.True(t, f.Failed[0].GivenUp())
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

// The version that is left is known by its content, whatever the time of its file.
func TestRolledBackVersionIsKnownByItsContent(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, commit(t, target, newBytes, Plan{Version: "2", Previous: "1"}))
	require.NoError(t, os.Chtimes(target, when, when))
	require.NoError(t, Rollback(t.Context(), target))
	f, err := Look(target, Options{})
	require.NoError(t, err)
	require.Len(t, f.Failed, 1)
	require.Equal(t, "2", f.Failed[0].Version)
}

// A file with the size and time of the backup, but other content, is not the backup: no
// version was left for it.
func TestFileThatLooksLikeTheBackupIsNot(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, commit(t, target, newBytes[:len(newBytes)-1], Plan{Version: "2", Previous: "1"}))
	backup, err := os.Stat(target + ".backup")
	require.NoError(t, err)
	require.NoError(t, os.Remove(target))
	require.NoError(t, os.WriteFile(target, make([]byte, backup.Size()), 0o755))
	require.NoError(t, os.Chtimes(target, when, backup.ModTime()))
	_, err = Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	f, err := Look(target, Options{})
	require.NoError(t, err)
	require.Empty(t, f.Failed)
	require.Empty(t, f.Version, "another program installed it")
}

// The machine stops during a health check: that counts as a failure of the version, which
// may be why it stopped.
func TestInterruptedHealthCheckIsAFailure(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	require.PanicsWithError(t, errSick.Error(), func() {
		_, _ = s.Commit(stage(t, s, newBytes), Plan{Version: "2", Check: func() error { panic(errSick) }})
	})
	require.NoError(t, s.lock.Release())
	r, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	require.True(t, r.Restored)
	f, err := Look(target, Options{})
	require.NoError(t, err)
	require.Len(t, f.Failed, 1)
	require.Equal(t, FailedHealthCheck, f.Failed[0].Reason)
	require.False(t, f.Failed[0].GivenUp())
}
