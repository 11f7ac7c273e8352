// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package updater_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/install"
)

// Problems are found after the document is verified, and before the download.
func TestPreflightComesBeforeTheDownload(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil  func(t *testing.T, w *world)
		reason string
	}{
		"directory": {func(t *testing.T, w *world) {
			require.NoError(t, os.Remove(w.target))
			require.NoError(t, os.Mkdir(w.target, 0o755))
		}, "is a directory"},
		"missing": {func(t *testing.T, w *world) { require.NoError(t, os.Remove(w.target)) }, "missing"},
		"unsafe directory": {func(t *testing.T, w *world) {
			require.NoError(t, os.Chmod(filepath.Dir(w.target), 0o777))
		}, "unsafe directory"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			tc.spoil(t, w)
			before := w.snapshot()
			u, err := updater.New(w.options()...)
			require.NoError(t, err)
			report, err := u.Preflight(t.Context())
			var problem *updater.PreflightError
			require.ErrorAs(t, err, &problem)
			require.Equal(t, tc.reason, string(problem.Reason))
			require.NotEmpty(t, problem.Advice)
			require.Len(t, report.Problems, 1)

			w.requests.Store(0)
			_, err = u.Apply(t.Context())
			require.ErrorAs(t, err, &problem)
			require.Equal(t, tc.reason, string(problem.Reason))
			require.LessOrEqual(t, w.requests.Load(), int64(1), "the document at most")
			require.Equal(t, before, w.snapshot())
		})
	}
}

func TestPreflightFindsNothing(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	before := w.snapshot()
	u, err := updater.New(w.options()...)
	require.NoError(t, err)
	report, err := u.Preflight(t.Context())
	require.NoError(t, err)
	require.Equal(t, w.target, report.Target)
	require.Empty(t, report.Problems)
	require.Equal(t, before, w.snapshot())
}

func TestPreflightReportsARunningUpdate(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	u, err := updater.New(w.options()...)
	require.NoError(t, err)
	held, err := install.Begin(t.Context(), w.target, install.Options{})
	require.NoError(t, err)
	_, err = u.Preflight(t.Context())
	require.ErrorIs(t, err, updater.ErrLocked)
	var locked *updater.LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, os.Getpid(), locked.PID)
	require.NoError(t, held.Close())
	_, err = u.Preflight(t.Context())
	require.NoError(t, err)
}

// The target belongs to the package manager of this system. The test only reads it.
func TestManagedTarget(t *testing.T) {
	const owned = "/usr/bin/bzip2"
	if _, err := os.Stat("/var/lib/dpkg/info/bzip2.list"); err != nil {
		t.Skip("NOT PROVEN: needs a system of dpkg with bzip2")
	}
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	u, err := updater.New(w.options(updater.TargetFile(owned))...)
	require.NoError(t, err)
	report, _ := u.Preflight(t.Context())
	require.Contains(t, reasons(report.Notices), "package manager")
	require.NotContains(t, reasons(report.Problems), "package manager")
	err = updater.PreflightOfApply(t.Context(), u)
	if err != nil {
		require.NotContains(t, err.Error(), "package manager")
	}

	u, err = updater.New(w.options(updater.TargetFile(owned), updater.RefuseManaged())...)
	require.NoError(t, err)
	_, err = u.Preflight(t.Context())
	require.ErrorContains(t, err, "package manager")
	require.ErrorContains(t, updater.PreflightOfApply(t.Context(), u), "package manager")
}

func reasons(all []*updater.PreflightError) (found []string) {
	for _, e := range all {
		found = append(found, string(e.Reason))
	}
	return found
}

// Advice does not hide what is worse.
func TestAdviceKeepsTheError(t *testing.T) {
	w := newWorld(t)
	u, err := updater.New(w.options()...)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(filepath.Dir(w.target), 0o777))
	lost := errors.New("it is at saved-1")
	err = updater.Explain(u, fmt.Errorf("preparing update: %w", &install.RollbackFailure{Cause: updater.ErrJournal, Err: lost}))
	_, advised := errors.AsType[*updater.PreflightError](err)
	require.True(t, advised)
	require.Equal(t, lost, updater.RollbackError(err))
	require.ErrorIs(t, err, updater.ErrJournal)
}
