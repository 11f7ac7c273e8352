// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package updater_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
)

// A fifo in place of the memory must not block.
func TestStateThatIsAFifoDoesNotHang(t *testing.T) {
	w, state, unknown := remembering(t)
	require.NoError(t, os.Remove(state))
	require.NoError(t, syscall.Mkfifo(state, 0o600))
	w.refuses(updater.ErrJournal, unknown...)
}

// A user who can write to the directory could remove what is remembered.
func TestStateDirOpenToOthersIsRefused(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	dir := t.TempDir()
	for _, mode := range []os.FileMode{0o777, 0o770, os.ModeSticky | 0o777} {
		require.NoError(t, os.Chmod(dir, mode))
		require.ErrorIs(t, w.refuses(updater.ErrState, updater.StateDir(dir)), updater.ErrUnsafeDirectory)
		w.refuses(updater.ErrUnsafeDirectory, updater.StateDir(dir), updater.VouchedBy(storing("x")))
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left)
	}
	require.NoError(t, os.Chmod(dir, 0o755))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(dir, 65534, 65534))
		w.refuses(updater.ErrUnsafeDirectory, updater.StateDir(dir))
		require.NoError(t, os.Chown(dir, 0, 0))
	}
	require.NoError(t, updater.Apply(w.options(updater.StateDir(dir))...))
}

// Another user planted a link in place of the work directory, in a directory where
// everyone may make files. Root does not follow it, not even in a Check or a
// Downloader, which do not hold the lock.
func TestPlantedWorkDirIsNotFollowed(t *testing.T) {
	for name, plant := range map[string]func(t *testing.T, work, elsewhere string){
		"link": func(t *testing.T, work, elsewhere string) { require.NoError(t, os.Symlink(elsewhere, work)) },
		"open": func(t *testing.T, work, _ string) {
			require.NoError(t, os.Mkdir(work, 0o700))
			require.NoError(t, os.Chmod(work, 0o777))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := polled(t)
			elsewhere, work := t.TempDir(), filepath.Join(filepath.Dir(w.target), ".app.update")
			require.NoError(t, os.Chmod(filepath.Dir(w.target), os.ModeSticky|0o777))
			plant(t, work, elsewhere)

			_, err := w.check()
			require.ErrorIs(t, err, updater.ErrState)
			require.ErrorIs(t, err, updater.ErrUnsafeDirectory)
			w.refuses(updater.ErrUnsafeDirectory, updater.VouchedBy(storing("x")))
			for _, dir := range []string{elsewhere, work} {
				left, err := os.ReadDir(dir)
				require.NoError(t, err)
				require.Empty(t, left)
			}
		})
	}
}

// Nothing that is planted in place of the authority's directory is used.
func TestPlantedAuthorityDirIsRefused(t *testing.T) {
	for name, plant := range map[string]func(dir string) error{
		"link": func(dir string) error { return os.Symlink(t.TempDir(), dir) },
		"file": func(dir string) error { return os.WriteFile(dir, nil, 0o600) },
		"open": func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o770)) },
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := polled(t)
			work := filepath.Join(filepath.Dir(w.target), ".app.update")
			require.NoError(t, os.Mkdir(work, 0o700))
			require.NoError(t, plant(filepath.Join(work, "authority")))
			w.refuses(updater.ErrUnsafeDirectory, updater.VouchedBy(storing("x")))
			w.refuses(updater.ErrState, updater.VouchedBy(storing("x")))
		})
	}
}

// A user who can replace a directory above the target could redirect a downloader.
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

// An installed update is not reported as failed. The problem is logged.
func TestFailedCleanUpIsLogged(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	d := &directory{dir: w.repo, binary: []byte(newContent)}
	require.NoError(t, updater.Apply(w.options(updater.DownloadMethod(d))...))
	require.NotContains(t, w.log.String(), "clean up")

	w.publish("1.2.4", newRelease(t, "1.2.4", []byte("newer")))
	d.fetch = func(_ *updater.Spec, target string) error {
		require.NoError(t, os.Remove(filepath.Join(filepath.Dir(target), "lock")))
		return os.WriteFile(target, []byte("newer"), 0o600)
	}
	require.NoError(t, updater.Apply(w.options(updater.DownloadMethod(d), updater.Version("1.2.4"))...))
	w.holds("newer")
	require.Contains(t, w.log.String(), "warning: could not clean up")
}
