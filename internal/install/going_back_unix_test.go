// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

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
	var held *store.Lock // or the garbage collector would close, and so release it
	o := Options{Boot: func() time.Duration { return up }, Hold: func(l *store.Lock) error { held = l; return nil }}
	_, err := Recover(t.Context(), target, o)
	require.NoError(t, err)
	for starts := 1; ; starts++ {
		up += 4 * time.Minute
		r, err := Recover(t.Context(), target, Options{Boot: o.Boot, Hold: (*store.Lock).Release})
		require.NoError(t, err)
		if r.Restored {
			require.Equal(t, 3, starts)
			require.NoError(t, held.Release())
			return
		}
		require.Equal(t, 1, r.Starts)
		require.Less(t, starts, 3)
	}
}

// The owner of the backup was changed: that is a backup that is lost, and the probation
// ends.
func TestBackupOfAnotherOwnerEndsTheProbation(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT PROVEN: needs root, makes a file of another user")
	}
	target := newTarget(t)
	require.NoError(t, commit(t, target, newBytes, Plan{Version: "2", Previous: "1", Probation: 1}))
	require.NoError(t, os.Chown(target+".backup", 0, 54321))
	_, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	_, err = Recover(t.Context(), target, Options{})
	require.ErrorIs(t, err, ErrNoBackup)
	require.ErrorIs(t, err, ErrOwner)
	r, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	require.Zero(t, r)
	requireFile(t, target, newBytes)
}
