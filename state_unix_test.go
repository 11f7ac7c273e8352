// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package updater_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
)

// A fifo in place of the memory must not hold the program up.
func TestStateThatIsAFifoDoesNotHang(t *testing.T) {
	w, state, unknown := remembering(t)
	require.NoError(t, os.Remove(state))
	require.NoError(t, syscall.Mkfifo(state, 0o600))
	w.refuses(updater.ErrState, unknown...)
}

// Whoever may write to the directory of what is remembered could make it
// forgotten.
func TestStateDirOpenToOthersIsRefused(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	dir := t.TempDir()
	for _, mode := range []os.FileMode{0o777, 0o770, os.ModeSticky | 0o777} {
		require.NoError(t, os.Chmod(dir, mode))
		require.ErrorIs(t, w.refuses(updater.ErrState, updater.StateDir(dir)), updater.ErrUnsafeDirectory)
	}
	require.NoError(t, os.Chmod(dir, 0o755))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(dir, 65534, 65534))
		w.refuses(updater.ErrUnsafeDirectory, updater.StateDir(dir))
		require.NoError(t, os.Chown(dir, 0, 0))
	}
	require.NoError(t, updater.Apply(w.options(updater.StateDir(dir))...))
}

// Whoever can exchange a directory above the target's leads a downloader astray.
func TestUnsafeAncestorIsRefused(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	open := filepath.Join(filepath.Dir(w.target), "open")
	require.NoError(t, os.MkdirAll(filepath.Join(open, "dir"), 0o755))
	target := filepath.Join(open, "dir", "app")
	require.NoError(t, os.WriteFile(target, []byte(oldContent), 0o755))
	require.NoError(t, os.Chmod(open, 0o777))
	w.refuses(updater.ErrUnsafeDirectory, updater.TargetFile(target))
	require.NoError(t, os.Chmod(open, os.ModeSticky|0o777))
	require.NoError(t, updater.Apply(w.options(updater.TargetFile(target))...))
}

// An update that stands is not reported as failed, but what is wrong is told.
func TestTidyingUpThatFailsIsLogged(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	d := &directory{dir: w.repo, binary: []byte(newContent)}
	require.NoError(t, updater.Apply(w.options(updater.DownloadMethod(d))...))
	require.NotContains(t, w.log.String(), "tidy up")

	w.publish("1.2.4", newRelease(t, "1.2.4", []byte("newer")))
	d.fetch = func(_ *updater.Spec, target string) error {
		require.NoError(t, os.Remove(filepath.Join(filepath.Dir(target), "lock")))
		return os.WriteFile(target, []byte("newer"), 0o600)
	}
	require.NoError(t, updater.Apply(w.options(updater.DownloadMethod(d), updater.Version("1.2.4"))...))
	w.holds("newer")
	require.Contains(t, w.log.String(), "warning: could not tidy up")
}
