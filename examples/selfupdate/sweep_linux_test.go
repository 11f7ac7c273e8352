// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/faults"
)

// sweep calls point for n = 1, 2, 3, …, until the program makes fewer than n calls.
func sweep(t *testing.T, least int, point func(t *testing.T, n int) (calls int)) {
	t.Helper()
	for n := 1; ; n++ {
		calls := point(t, n)
		require.Less(t, n, 1000, "the sweep does not end")
		if calls < n {
			require.Greater(t, n, least, "calls were counted")
			t.Logf("%d points", n)
			return
		}
	}
}

// The process is killed before every file-system call of an update, including smoke
// test, restart and confirmation of the new version.
func TestKillUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sweep(t, 40, func(t *testing.T, n int) int {
		target := w.install(t, t.TempDir())
		res := w.trace(t, faults.At(n, faults.Kill), target, "update", "2.0.0")
		what := fmt.Sprint("killed before ", last(res))
		now := w.requireComplete(t, target, what)
		if res.Exit == 0 {
			require.Equal(t, "2.0.0", now, what)
		}
		w.requireRecovers(t, target, now, what)
		w.requireUpdates(t, target, what)
		return len(res.Calls)
	})
}

// requireUpdates requires that the next update works.
func (w *world) requireUpdates(t *testing.T, target, what string) {
	t.Helper()
	start(t, target, "update", "2.0.0")
	require.Equal(t, "2.0.0", w.requireComplete(t, target, what), what)
	w.requireNoLeftovers(t, target, what)
}

// requireRecovers starts the program, and requires that the target stays this version.
func (w *world) requireRecovers(t *testing.T, target, version, what string) {
	t.Helper()
	output := start(t, target)
	require.Contains(t, output, "selfupdate "+version+" for", what)
	require.Equal(t, version, w.requireComplete(t, target, what), what)
	w.requireClean(t, target, what)
}

// The process is killed before every call of a rollback.
func TestKillRollback(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	updated := w.install(t, t.TempDir())
	start(t, updated, "update", "2.0.0")
	sweep(t, 15, func(t *testing.T, n int) int {
		target := copyOf(t, updated)
		res := w.trace(t, faults.At(n, faults.Kill), target, "rollback")
		what := fmt.Sprint("killed before ", last(res))
		now := w.requireComplete(t, target, what)
		if res.Exit == 0 {
			require.Equal(t, "1.0.0", now, what)
		}
		w.requireRecovers(t, target, now, what)
		w.requireUpdates(t, target, what)
		return len(res.Calls)
	})
}

// An update is killed in the swap, and the recovery from that at every call.
func TestKillRecover(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, before := range map[string]string{"to be undone": "1.0.0", "to be finished": "2.0.0"} {
		t.Run(name, func(t *testing.T) {
			stopped := w.install(t, t.TempDir())
			w.stop(t, stopped, before)
			sweep(t, 5, func(t *testing.T, n int) int {
				target := copyOf(t, stopped)
				res := w.trace(t, faults.At(n, faults.Kill), target)
				what := fmt.Sprint("recovery killed before ", last(res))
				w.requireRecovers(t, target, w.requireComplete(t, target, what), what)
				require.Equal(t, before, w.requireComplete(t, target, what), what)
				w.requireUpdates(t, target, what)
				return len(res.Calls)
			})
		})
	}
}

// stop kills an update just before the swap, or just after it.
func (w *world) stop(t *testing.T, target, leaving string) {
	t.Helper()
	w.trace(t, func(c faults.Call) faults.Action {
		swap := strings.HasPrefix(c.Name, "rename") && c.To == target
		if swap && leaving == "1.0.0" || !swap && leaving == "2.0.0" && w.swapped(c, target) {
			return faults.Kill
		}
		return faults.Pass
	}, target, "update", "2.0.0")
	require.Equal(t, leaving, w.requireComplete(t, target, "the update was stopped"))
}

// swapped reports whether c is the first call after the swap, which syncs the directory.
func (w *world) swapped(c faults.Call, target string) bool {
	if c.Name != "fsync" {
		return false
	}
	return w.isNew(target)
}

// errnos are errors of disks and kernels. A sweep uses them in turn.
var errnos = [...]syscall.Errno{
	syscall.EIO, syscall.ENOSPC, syscall.EACCES, syscall.EROFS, syscall.EXDEV, syscall.EMFILE, syscall.EINTR, syscall.EDQUOT,
}

// Every call of a rollback fails once. The rollback is done, or the target stays.
func TestFailRollback(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	updated := w.install(t, t.TempDir())
	start(t, updated, "update", "2.0.0")
	sweep(t, 15, func(t *testing.T, n int) int {
		target := copyOf(t, updated)
		res := w.trace(t, faults.At(n, faults.Fail(errnos[n%len(errnos)])), target, "rollback")
		what := fmt.Sprintf("%v of call %d\n%s", errnos[n%len(errnos)], n, res.Output)
		now := w.requireComplete(t, target, what)
		require.NotContains(t, string(res.Output), "could not be put back", what)
		if res.Exit == 0 {
			require.Equal(t, "1.0.0", now, what)
		}
		w.requireRecovers(t, target, now, what)
		return len(res.Calls)
	})
}

// Every call of the recovery from a killed update fails once.
func TestFailRecover(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stopped := w.install(t, t.TempDir())
	w.stop(t, stopped, "1.0.0")
	sweep(t, 5, func(t *testing.T, n int) int {
		target := copyOf(t, stopped)
		res := w.trace(t, faults.At(n, faults.Fail(errnos[n%len(errnos)])), target)
		what := fmt.Sprintf("%v of call %d\n%s", errnos[n%len(errnos)], n, res.Output)
		require.Equal(t, "1.0.0", w.requireComplete(t, target, what), what)
		w.requireRecovers(t, target, "1.0.0", what)
		return len(res.Calls)
	})
}

// Every call of an update fails once.
func TestFailUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sweep(t, 40, func(t *testing.T, n int) int {
		target := w.install(t, t.TempDir())
		errno := errnos[n%len(errnos)]
		res := w.trace(t, faults.At(n, faults.Fail(errno)), target, "update", "2.0.0")
		what := fmt.Sprintf("%v of call %d\n%s", errno, n, res.Output)
		now := w.requireComplete(t, target, what)
		require.NotContains(t, string(res.Output), "a person is needed", what)
		if res.Exit != 0 && !strings.Contains(string(res.Output), "selfupdate 2.0.0 for") {
			require.Equal(t, "1.0.0", now, what)
			require.Contains(t, string(res.Output), "selfupdate: not updated, nothing was changed: ", what)
			require.Contains(t, string(res.Output), errno.Error(), what)
		}
		w.requireRecovers(t, target, now, what)
		w.requireNoLeftovers(t, target, what)
		return len(res.Calls)
	})
}

// The power is cut before every call of an update, of a rollback, and of the recovery
// from a killed update. What was reported as done is done, and the target and its backup
// are complete.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	update, rollback := []string{"update", "2.0.0"}, []string{"rollback"}
	for name, tc := range map[string]struct {
		fs      faults.FileSystem
		flushed bool
		least   int
		before  func(target string)
		args    []string
		done    string // version after success was reported
	}{
		"update on ext4":              {faults.Ext4, false, 40, nil, update, "2.0.0"},
		"update on xfs":               {faults.XFS, false, 40, nil, update, "2.0.0"},
		"update on ext4, log flushed": {faults.Ext4, true, 40, nil, update, "2.0.0"},
		"update on xfs, log flushed":  {faults.XFS, true, 40, nil, update, "2.0.0"},
		"rollback on ext4":            {faults.Ext4, false, 15, func(target string) { start(t, target, update...) }, rollback, "1.0.0"},
		"rollback on xfs":             {faults.XFS, false, 15, func(target string) { start(t, target, update...) }, rollback, "1.0.0"},
		"recovery on ext4":            {faults.Ext4, false, 5, func(target string) { w.stop(t, target, "1.0.0") }, nil, "1.0.0"},
		"recovery on xfs":             {faults.XFS, false, 5, func(target string) { w.stop(t, target, "2.0.0") }, nil, "2.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := faults.NewDisk(t, tc.fs)
			target := w.install(t, d.Dir)
			if tc.before != nil {
				tc.before(target)
			}
			d.Save()
			sweep(t, tc.least, func(t *testing.T, n int) int {
				d.Restore()
				cut := false
				res := w.trace(t, func(c faults.Call) faults.Action {
					if c.N < n {
						return faults.Pass
					}
					cut = true
					d.Cut(tc.flushed)
					return faults.Kill
				}, target, tc.args...)
				if !cut {
					d.Cut(tc.flushed)
				}
				d.Remount()
				what := fmt.Sprint("cut before ", last(res))
				now := w.requireComplete(t, target, what)
				if !cut && res.Exit == 0 || strings.Contains(string(res.Output), "updater: updated") {
					require.Equal(t, tc.done, now, "%s: success was reported", what)
				}
				w.requireRecovers(t, target, now, what)
				return len(res.Calls)
			})
		})
	}
}

func last(res *faults.Result) string {
	if len(res.Calls) == 0 {
		return "the first call"
	}
	return res.Calls[len(res.Calls)-1].String()
}
