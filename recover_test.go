// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/install"
)

// A bad release: it starts three times and is never confirmed.
func TestProbationGivesAReleaseUp(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	require.NoError(t, updater.Apply(w.options(updater.Probation(2))...))
	w.holds(newContent)
	for start := 1; start <= 2; start++ {
		r, err := updater.Recover(updater.TargetFile(w.target), updater.NewProcess())
		require.NoError(t, err)
		require.Equal(t, &updater.Recovery{Starts: start, Limit: 2}, r)
		w.holds(newContent)
	}
	r, err := updater.Recover(updater.TargetFile(w.target), updater.NewProcess())
	require.NoError(t, err)
	require.True(t, r.Restored)
	require.Equal(t, "1.2.3", r.Failed)
	w.holds(oldContent)

	before := w.snapshot()
	require.ErrorIs(t, updater.Apply(w.options()...), updater.ErrFailedBefore)
	require.ErrorIs(t, updater.Apply(w.options(updater.RetryFailed("1.2.4"))...), updater.ErrFailedBefore)
	require.Equal(t, before, w.snapshot())
	require.NoError(t, updater.Apply(w.options(updater.RetryFailed("1.2.3"))...))
	w.holds(newContent)
}

// A release of the same version with another binary did not fail.
func TestRepairedReleaseIsInstalled(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	require.NoError(t, updater.Apply(w.options(updater.Probation(1))...))
	for range 2 {
		_, err := updater.Recover(updater.TargetFile(w.target), updater.NewProcess())
		require.NoError(t, err)
	}
	w.holds(oldContent)
	repaired := newRelease(t, "1.2.3", []byte("repaired"))
	repaired.doc.Released = now
	w.publish("1.2.3", repaired)
	require.NoError(t, updater.Apply(w.options()...))
	w.holds("repaired")
}

func TestConfirmEndsProbation(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	u, err := updater.New(w.options(updater.Probation(1))...)
	require.NoError(t, err)
	require.NoError(t, u.Confirm(t.Context()), "nothing is on probation yet")
	_, err = u.Apply(t.Context())
	require.NoError(t, err)
	require.NoError(t, u.Confirm(t.Context()), "by the old version, which still runs")
	r, err := u.Recover(t.Context())
	require.NoError(t, err)
	require.Equal(t, &updater.Recovery{Starts: 1, Limit: 1}, r, "the new version is still on probation")
	require.NoError(t, u.Confirm(t.Context()))
	for range 3 {
		r, err := u.Recover(t.Context())
		require.NoError(t, err)
		require.Equal(t, &updater.Recovery{}, r)
	}
	w.holds(newContent)
	require.NoError(t, updater.Confirm(updater.TargetFile(w.target)))
}

// While a version is on probation, the backup is the last version that was not. The
// next update keeps it.
func TestUpdateWhileOnProbationKeepsTheGoodBackup(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte("bad")))
	require.NoError(t, updater.Apply(w.options(updater.Probation(5))...))
	w.publish("1.2.4", newRelease(t, "1.2.4", []byte("bad too")))
	require.NoError(t, updater.Apply(w.options(updater.Version("1.2.4"), updater.CurrentVersion("1.2.3"), updater.Probation(1))...))
	w.holds("bad too")
	for range 2 {
		_, err := updater.Recover(updater.TargetFile(w.target), updater.NewProcess())
		require.NoError(t, err)
	}
	w.holds(oldContent)
}

const (
	sayEnv    = "UPDATER_TEST_SAY"
	switchEnv = "UPDATER_TEST_SWITCH"
)

// TestMain lets the test binary be a program that prints something, or
// restarts.
func TestMain(m *testing.M) {
	if say := os.Getenv(sayEnv); say != "" {
		fmt.Println(say)
		os.Exit(0)
	}
	if target := os.Getenv(switchEnv); target != "" {
		u, err := updater.New(updater.TargetFile(target), updater.SourceRepo("https://repo.example.net"), updater.Version("1.2.3"),
			updater.PublicKey(public(testKey(1))))
		if err != nil {
			log.Fatal(err)
		}
		status, err := u.Status()
		fmt.Println(status.Off, err)
		os.Exit(0)
	}
	if target := os.Getenv(restartEnv); target != "" {
		if err := restarting(target); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestFailedTrialKeepsOrRestoresTheOldBinary(t *testing.T) {
	program := []byte("#!/bin/sh\necho the new program\n")
	if runtime.GOOS == "windows" {
		exe, err := os.Executable()
		require.NoError(t, err)
		program, err = os.ReadFile(exe)
		require.NoError(t, err)
		t.Setenv(sayEnv, "the new program")
	}
	sick := errors.New("no answer")
	fails := updater.Trial{Func: func(context.Context, string) error { return sick }}
	for name, tc := range map[string]struct {
		option updater.Option
		err    error
	}{
		"smoke test passes":    {updater.SmokeTest(updater.Trial{Contains: "new program"}), nil},
		"smoke test fails":     {updater.SmokeTest(updater.Trial{Contains: "another program"}), updater.ErrSmokeTest},
		"own smoke test fails": {updater.SmokeTest(fails), updater.ErrSmokeTest},
		"health check passes":  {updater.HealthCheck(updater.Trial{Contains: "new program"}), nil},
		"health check fails":   {updater.HealthCheck(updater.Trial{Contains: "another program"}), updater.ErrHealth},
		"own check fails":      {updater.HealthCheck(fails), updater.ErrHealth},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", newRelease(t, "1.2.3", program))
			before := w.snapshot()
			err := updater.Apply(w.options(tc.option)...)
			require.ErrorIs(t, err, tc.err)
			require.NoError(t, updater.RollbackError(err))
			if tc.err != nil {
				require.NoError(t, os.RemoveAll(install.WorkDir(w.target)), "the failure is remembered")
				require.Equal(t, before, w.snapshot())
			} else {
				w.holds(string(program))
			}
		})
	}
}

// The health check fails, and there is nothing to put back.
func TestRollbackErrorOfAFailedApply(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	sick := errors.New("no answer")
	err := updater.Apply(w.options(updater.HealthCheck(updater.Trial{Func: func(context.Context, string) error {
		require.NoError(t, os.Remove(w.target+".backup"))
		return sick
	}}))...)
	require.ErrorIs(t, err, updater.ErrHealth)
	require.ErrorIs(t, err, sick)
	require.Error(t, updater.RollbackError(err))
	var failure *updater.RollbackFailure
	require.ErrorAs(t, err, &failure)
	require.ErrorIs(t, failure.Cause, sick)
}

// The smoke test runs a file that no other user can run. The health check runs the
// target.
func TestPathsOfTrials(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	var order []string
	smoke := updater.SmokeTest(updater.Trial{Func: func(_ context.Context, path string) error {
		order = append(order, "smoke")
		w.holds(oldContent)
		info, err := os.Stat(path)
		require.NoError(t, err)
		if runtime.GOOS != "windows" { // where there are access lists instead
			require.Equal(t, os.FileMode(0o700), info.Mode())
		}
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, newContent, string(got))
		return nil
	}})
	health := updater.HealthCheck(updater.Trial{Func: func(_ context.Context, path string) error {
		order = append(order, "health")
		require.Equal(t, w.target, path)
		w.holds(newContent)
		return nil
	}})
	require.NoError(t, updater.Apply(w.options(smoke, health)...))
	require.Equal(t, []string{"smoke", "health"}, order)
}

func TestWaitForLockWaits(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	held, err := install.Begin(t.Context(), w.target, install.Options{})
	require.NoError(t, err)
	err = updater.Apply(w.options()...)
	require.ErrorIs(t, err, updater.ErrLocked)
	var locked *updater.LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, os.Getpid(), locked.PID)

	waiting := make(chan struct{}, 1)
	u, err := updater.New(w.options(updater.WaitForLock(), updater.Slog(slog.New(signals(waiting))))...)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-waiting
		cancel()
	}()
	_, err = u.Apply(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, updater.ErrLocked)

	done := make(chan error)
	go func() {
		_, err := u.Apply(t.Context())
		done <- err
	}()
	<-waiting
	require.NoError(t, held.Close())
	require.NoError(t, <-done)
	w.holds(newContent)
}

// signals reports when an update has begun to wait.
type signals chan struct{}

func (signals) Enabled(context.Context, slog.Level) bool { return true }
func (s signals) WithAttrs([]slog.Attr) slog.Handler     { return s }
func (s signals) WithGroup(string) slog.Handler          { return s }
func (s signals) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "waiting") {
		s <- struct{}{}
	}
	return nil
}

func TestTrialAndProbationOptionsAreChecked(t *testing.T) {
	for name, option := range map[string]updater.Option{
		"no starts":         updater.Probation(0),
		"negative starts":   updater.Probation(-1),
		"retry of a path":   updater.RetryFailed("../x"),
		"negative time":     updater.SmokeTest(updater.Trial{Timeout: -1}),
		"negative duration": updater.HealthCheck(updater.Trial{Timeout: -1}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := updater.New(newWorld(t).options(option)...)
			require.ErrorIs(t, err, updater.ErrConfig)
		})
	}
}
