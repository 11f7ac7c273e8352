// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/trust"
)

// rolledOut returns a world in which these versions are published, each with its version
// as its binary.
func rolledOut(t *testing.T, versions ...string) *world {
	t.Helper()
	w := newWorld(t)
	for _, v := range versions {
		r := newRelease(t, v, []byte(v))
		r.doc.Expires = now.AddDate(0, 0, 60)
		w.publish(v, r)
	}
	return w
}

// to installs a version, knowing nothing but what is remembered.
func (w *world) to(version string, more ...updater.Option) error {
	return updater.Apply(w.options(append(more, updater.CurrentVersion(""), updater.Version(version))...)...)
}

// starts starts the version on probation, and never confirms it.
func (w *world) starts(n int) {
	w.t.Helper()
	for range n {
		_, err := updater.Recover(updater.TargetFile(w.target), updater.NewProcess())
		require.NoError(w.t, err)
	}
}

// 1.0.0 runs, 1.2.0 crashes and is given up, the operator asks for 1.1.0.
func TestD1_FloorAfterAFailedProbation(t *testing.T) {
	for name, state := range statePlaces(t) {
		t.Run(name, func(t *testing.T) {
			w := rolledOut(t, "0.9.0", "1.0.0", "1.1.0", "1.2.0")
			require.NoError(t, w.to("1.0.0", state))
			require.NoError(t, w.to("1.2.0", state, updater.Probation(1)))
			require.ErrorIs(t, w.to("1.1.0", state), trust.ErrRollback, "1.2.0 runs")
			w.starts(2)
			w.holds("1.0.0")
			require.ErrorIs(t, w.to("0.9.0", state), trust.ErrRollback, "the floor is what was confirmed")
			require.NoError(t, w.to("1.1.0", state))
			w.holds("1.1.0")
			require.ErrorIs(t, w.to("1.0.0", state), trust.ErrRollback)
			require.ErrorIs(t, w.to("1.2.0", state), updater.ErrFailedBefore)
		})
	}
}

// The health check of 1.2.0 fails: it was never the floor.
func TestD1_FloorAfterAFailedHealthCheck(t *testing.T) {
	w := rolledOut(t, "1.0.0", "1.1.0", "1.2.0")
	require.NoError(t, w.to("1.0.0"))
	sick := updater.HealthCheck(updater.Trial{Func: func(context.Context, string) error { return errors.New("no answer") }})
	require.ErrorIs(t, w.to("1.2.0", sick), updater.ErrHealth)
	require.NoError(t, w.to("1.1.0"))
	w.holds("1.1.0")
}

// A person rolls back, and the hourly check asks for the same version again.
func TestD2_RolledBackVersionIsNotInstalledAgain(t *testing.T) {
	w := rolledOut(t, "1.0.0", "1.1.0")
	require.NoError(t, w.to("1.0.0"))
	require.NoError(t, w.to("1.1.0"))
	require.NoError(t, updater.Rollback(updater.TargetFile(w.target)))
	before := w.snapshot()
	err := w.to("1.1.0")
	require.ErrorIs(t, err, updater.ErrFailedBefore)
	require.ErrorContains(t, err, `version "1.1.0" was rolled back at`)
	require.Equal(t, before, w.snapshot())
	require.ErrorIs(t, w.to("1.1.0", updater.RetryFailed("1.0.0")), updater.ErrFailedBefore, "another version may be retried")
	require.NoError(t, w.to("1.1.0", updater.RetryFailed("1.1.0")))
	w.holds("1.1.0")
	w.replace("from a package")
	require.ErrorIs(t, w.to("1.0.0"), trust.ErrRollback, "it worked again, and is the floor")
}

// A backup that v0.1.0 made has no record: its rollback is remembered all the same.
func TestD2_RollbackWithoutARecord(t *testing.T) {
	w := rolledOut(t, "1.1.0")
	require.NoError(t, w.to("1.1.0"))
	require.NoError(t, os.RemoveAll(install.WorkDir(w.target)))
	require.NoError(t, updater.Rollback(updater.TargetFile(w.target)))
	require.ErrorIs(t, w.to("1.1.0"), updater.ErrFailedBefore)
}

// A release whose smoke test fails is tried again after longer and longer waits, across
// restarts, and given up in the end.
func TestD3_FailedSmokeTestIsNotTriedAtEveryApply(t *testing.T) {
	for name, tc := range map[string]struct {
		option func(updater.Trial) updater.Option
		err    error
	}{
		"smoke test":   {updater.SmokeTest, updater.ErrSmokeTest},
		"health check": {updater.HealthCheck, updater.ErrHealth},
	} {
		t.Run(name, func(t *testing.T) {
			w := rolledOut(t, "1.0.0", "1.1.0", "1.2.0")
			require.NoError(t, w.to("1.0.0"))
			clock, tried := now, 0
			at := updater.Clock(func() time.Time { return clock })
			fails := tc.option(updater.Trial{Func: func(context.Context, string) error {
				tried++
				return errors.New("no answer")
			}})
			for i, wait := range []time.Duration{1, 2, 4, 8, 16} {
				require.ErrorIs(t, w.to("1.1.0", at, fails), tc.err)
				require.Equal(t, i+1, tried)
				clock = clock.Add(wait*time.Hour - time.Second)
				requests := w.requests.Load()
				err := w.to("1.1.0", at, fails)
				require.ErrorIs(t, err, updater.ErrFailedBefore)
				require.ErrorContains(t, err, "is tried again from")
				require.Equal(t, requests+1, w.requests.Load(), "only the document is fetched")
				clock = clock.Add(time.Second)
			}
			require.ErrorIs(t, w.to("1.1.0", at, fails), tc.err)
			clock = clock.AddDate(0, 0, 7)
			require.ErrorIs(t, w.to("1.1.0", at, fails), updater.ErrFailedBefore)
			require.Equal(t, 6, tried)
			require.NoError(t, w.to("1.2.0", at))
			w.holds("1.2.0")
			clock = now
			require.ErrorIs(t, w.to("1.1.0", at, updater.AllowDowngrade()), updater.ErrFailedBefore)
			require.NoError(t, w.to("1.1.0", at, updater.AllowDowngrade(), updater.RetryFailed("1.1.0")))
		})
	}
}

// A caller that gives up during the smoke test says nothing about the release.
func TestD3_CancelledSmokeTestIsNoFailure(t *testing.T) {
	w := rolledOut(t, "1.0.0")
	ctx, cancel := context.WithCancel(t.Context())
	smoke := updater.SmokeTest(updater.Trial{Func: func(ctx context.Context, _ string) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}})
	u, err := updater.New(w.options(updater.CurrentVersion(""), updater.Version("1.0.0"), smoke)...)
	require.NoError(t, err)
	_, err = u.Apply(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, w.to("1.0.0"))
}

// The clock is wrong during one update. Then it is right again.
func TestD8_WrongClockLocksNothing(t *testing.T) {
	for name, wrong := range map[string]time.Time{
		"weeks ahead": now.AddDate(0, 0, 29), "an hour ahead": now.Add(time.Hour), "weeks behind": now.AddDate(0, 0, -6),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := newRelease(t, "1.0.0", []byte("1.0.0"))
			first.doc.Released, first.doc.Expires = now.AddDate(0, 0, -7), now.AddDate(0, 0, 30)
			w.publish("1.0.0", first)
			require.NoError(t, w.to("1.0.0", updater.Clock(func() time.Time { return wrong })))
			next := newRelease(t, "1.1.0", []byte("1.1.0"))
			next.doc.Expires = now.AddDate(0, 0, 31)
			w.publish("1.1.0", next)
			require.NoError(t, w.to("1.1.0"))
		})
	}
}

// A document that does not expire, as those of v0.1.0, says nothing about the time.
func TestD8_WrongClockAndADocumentThatDoesNotExpire(t *testing.T) {
	w := rolledOut(t, "1.0.0", "1.1.0")
	legacy := newRelease(t, "1.0.0", []byte("1.0.0"))
	legacy.document = func(*testing.T, []byte) []byte {
		return fmt.Appendf(nil, `{"binary": %q, "hash": %q}`, legacy.doc.Binary, legacy.doc.Hash)
	}
	w.publish("1.0.0", legacy)
	unsigned := updater.InsecureAllowUnsigned()
	in2076 := updater.Clock(func() time.Time { return time.Date(2076, 1, 1, 0, 0, 0, 0, time.UTC) })
	require.NoError(t, w.to("1.0.0", noKey, unsigned, in2076))
	require.NoError(t, w.to("1.1.0", noKey, unsigned))
	w.holds("1.1.0")
}

// 1.2.0 was confirmed; a person rolls back to 1.0.0; 1.1.5 is wanted.
func TestD9_FloorAfterARollback(t *testing.T) {
	for name, state := range statePlaces(t) {
		t.Run(name, func(t *testing.T) {
			w := rolledOut(t, "0.9.0", "1.0.0", "1.1.5", "1.2.0")
			require.NoError(t, w.to("1.0.0", state))
			require.NoError(t, w.to("1.2.0", state, updater.Probation(3)))
			w.starts(1)
			require.NoError(t, updater.Confirm(updater.TargetFile(w.target)))
			require.ErrorIs(t, w.to("1.1.5", state), trust.ErrRollback)
			require.NoError(t, updater.Rollback(updater.TargetFile(w.target)))
			w.holds("1.0.0")
			require.ErrorIs(t, w.to("0.9.0", state), trust.ErrRollback)
			require.NoError(t, w.to("1.1.5", state))
			w.holds("1.1.5")
		})
	}
}

// A confirmed version is the floor, wherever that is remembered, and whatever another
// program did to the target since.
func TestConfirmedVersionIsTheFloor(t *testing.T) {
	for name, state := range statePlaces(t) {
		t.Run(name, func(t *testing.T) {
			w := rolledOut(t, "1.0.0", "1.1.0")
			require.NoError(t, w.to("1.1.0", state, updater.Probation(3)))
			w.starts(1)
			require.NoError(t, updater.Confirm(updater.TargetFile(w.target)))
			w.replace("from a package")
			require.ErrorIs(t, w.to("1.0.0", state), trust.ErrRollback)
		})
	}
	t.Run("and another one failed since", func(t *testing.T) {
		w := rolledOut(t, "1.0.0", "1.1.0", "1.2.0")
		require.NoError(t, w.to("1.1.0", updater.Probation(3)))
		w.starts(1)
		require.NoError(t, updater.Confirm(updater.TargetFile(w.target)))
		require.NoError(t, w.to("1.2.0", updater.Probation(1)))
		w.starts(2)
		w.holds("1.1.0")
		w.replace("from a package")
		require.ErrorIs(t, w.to("1.0.0"), trust.ErrRollback)
		require.NoError(t, w.to("1.1.0"))
	})
	t.Run("without Confirm", func(t *testing.T) {
		w := rolledOut(t, "1.0.0", "1.1.0")
		require.NoError(t, w.to("1.1.0", updater.Probation(3)))
		w.starts(1)
		w.replace("from a package")
		require.NoError(t, w.to("1.0.0"))
	})
}

// Without Product the name of the first release is remembered.
func TestNameOfTheFirstReleaseIsRemembered(t *testing.T) {
	w := rolledOut(t, "1.0.0", "1.1.0")
	unnamed := func(version string, more ...updater.Option) error {
		const product = 6
		opts := w.options(append(more, updater.CurrentVersion(""), updater.Version(version))...)
		return updater.Apply(slices.Delete(opts, product, product+1)...)
	}
	require.NoError(t, unnamed("1.0.0"))
	other := newRelease(t, "1.2.0", []byte("1.2.0"))
	other.doc.Name = "tool"
	w.publish("1.2.0", other)
	before := w.snapshot()
	err := unnamed("1.2.0")
	require.ErrorIs(t, err, trust.ErrMismatch)
	require.ErrorContains(t, err, `releases of "app" were installed before`)
	require.Equal(t, before, w.snapshot())
	require.NoError(t, unnamed("1.1.0"))
	require.NoError(t, unnamed("1.2.0", updater.Product("tool")), "it was renamed")
	require.ErrorIs(t, unnamed("1.1.0", updater.AllowDowngrade()), trust.ErrMismatch)
}

// replace makes the target a file that another program installed.
func (w *world) replace(content string) {
	w.t.Helper()
	require.NoError(w.t, os.Remove(w.target))
	require.NoError(w.t, os.WriteFile(w.target, []byte(content), 0o755))
}

// statePlaces are where it is remembered what was installed.
func statePlaces(t *testing.T) map[string]updater.Option {
	return map[string]updater.Option{
		"beside the target": func(*updater.Config) error { return nil },
		"in StateDir":       updater.StateDir(t.TempDir()),
	}
}
