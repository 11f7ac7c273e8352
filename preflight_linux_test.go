// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/install"
)

// Mounts on which nothing can be installed are found before anything but the
// document is requested.
func TestPreflightFindsUnusableMounts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT PROVEN: mounting needs root")
	}
	for name, tc := range map[string]struct {
		flags  uintptr
		reason string
	}{
		"noexec":    {syscall.MS_NOEXEC, "mounted noexec"},
		"read-only": {syscall.MS_RDONLY, "read-only file system"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			dir := filepath.Dir(w.target)
			before := w.snapshot()
			require.NoError(t, syscall.Mount(dir, dir, "", syscall.MS_BIND, ""))
			t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
			require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_BIND|tc.flags, ""))
			u, err := updater.New(w.options()...)
			require.NoError(t, err)
			w.requests.Store(0)
			_, err = u.Apply(t.Context())
			var problem *updater.PreflightError
			require.ErrorAs(t, err, &problem)
			require.Equal(t, tc.reason, string(problem.Reason))
			require.NotEmpty(t, problem.Advice)
			require.LessOrEqual(t, w.requests.Load(), int64(1), "the document at most")
			require.Equal(t, before, w.snapshot())
		})
	}
}

// If the target is locked and a preflight finds a problem too, the error is the lock:
// the caller tries again later.
func TestLockIsReportedBeforeOtherProblems(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT PROVEN: mounting needs root")
	}
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	dir := filepath.Dir(w.target)
	require.NoError(t, syscall.Mount(dir, dir, "", syscall.MS_BIND, ""))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_NOEXEC, ""))
	held, err := install.Begin(t.Context(), w.target, install.Options{})
	require.NoError(t, err)
	err = updater.Apply(w.options()...)
	require.ErrorIs(t, err, updater.ErrLocked)
	var problem *updater.PreflightError
	require.False(t, errors.As(err, &problem))
	require.NoError(t, held.Close())
}
