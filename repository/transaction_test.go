// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/store"
)

// A power cut keeps what was synced: each file before its rename, the renames of
// artifacts before the document that names them.
func TestSyncOrder(t *testing.T) {
	dir := t.TempDir()
	r := stepwise(t, dir)
	var order []string
	r.step = func(op, name string) error {
		if op == "rename" {
			order = append(order, "rename "+filepath.Ext(name))
		}
		return nil
	}
	r.flush = func(f *os.File) error {
		name, err := filepath.Rel(dir, f.Name())
		if strings.HasPrefix(name, workPrefix) {
			name = "work" + filepath.Ext(name)
		}
		order = append(order, "sync "+filepath.ToSlash(name))
		return err
	}
	req := request(t, 1)
	req.Files = req.Files[:1]
	_, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	var dirs []string
	if runtime.GOOS != "windows" { // which cannot sync directories
		dirs = []string{"sync 1.2.3/linux/amd64", "sync 1.2.3/linux", "sync 1.2.3", "sync ."}
	}
	require.Equal(t, slices.Concat(
		[]string{"sync work.bz2", "sync work.json", "rename .bz2"}, dirs, []string{"rename .json"}, dirs,
	), order)
}

func TestUndoKeepsFilesOfOthers(t *testing.T) {
	dir := t.TempDir()
	r := stepwise(t, dir)
	other := filepath.Join(dir, "1.2.3", "linux", "notes.txt")
	r.step = func(op, name string) error {
		if op == "rename" && strings.HasSuffix(name, layout.DocumentName) {
			require.NoError(t, os.WriteFile(other, []byte("theirs"), 0o644))
			return errDisk
		}
		return nil
	}
	_, err := r.Add(t.Context(), request(t, 1))
	require.ErrorIs(t, err, errDisk)
	require.Equal(t, []string{"1.2.3/linux/notes.txt"}, names(tree(t, dir)))
}

// Publishing again repairs a damaged artifact. If that fails later, the artifact is
// not removed: the published document names it.
func TestUndoKeepsReplacedArtifacts(t *testing.T) {
	dir := t.TempDir()
	r := stepwise(t, dir)
	_, err := r.Add(t.Context(), request(t, 1))
	require.NoError(t, err)
	artifact := filepath.Join(dir, "1.2.3", "linux", "amd64", "choria-linux-amd64-1.2.3.bz2")
	require.NoError(t, os.WriteFile(artifact, []byte("damaged"), 0o644))
	r.step = func(op, name string) error {
		if op == "rename" && strings.HasSuffix(name, layout.DocumentName) {
			return errDisk
		}
		return nil
	}
	req := request(t, 1)
	req.Force = true
	_, err = r.Add(t.Context(), req)
	require.ErrorIs(t, err, errDisk)
	require.FileExists(t, artifact)
}

// A network file system can complete a rename and report an error.
func TestCompletedRenameReportedAsFailed(t *testing.T) {
	errLost := errors.New("server did not answer")
	for name, force := range map[string]bool{"new": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := create(t, dir)
			if force {
				_, err := r.Add(t.Context(), request(t, 1))
				require.NoError(t, err)
			}
			before := tree(t, dir)
			r.step = func(op, name string) error {
				if op != "rename" || !strings.HasSuffix(name, "linux/amd64/release.json") {
					return nil
				}
				from, err := filepath.Glob(filepath.Join(dir, workPrefix+"*", "0.json"))
				require.NoError(t, err)
				require.NoError(t, os.Rename(from[0], filepath.Join(dir, name)))
				return errLost
			}
			req := request(t, 50)
			req.Force = force
			_, err := r.Add(t.Context(), req)
			require.ErrorIs(t, err, errLost)
			require.Equal(t, before, tree(t, dir))
		})
	}
}

func TestFailureRemovesCreatedDirectories(t *testing.T) {
	parent := t.TempDir()
	r, err := Create(filepath.Join(parent, "a", "b"))
	require.NoError(t, err)
	req := request(t, 1)
	req.Files[1].Path = filepath.Join(parent, "missing")
	_, err = r.Add(t.Context(), req)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, r.Close())
	require.Empty(t, tree(t, parent))
}

func TestOtherProcessesWait(t *testing.T) {
	dir := t.TempDir()
	r := stepwise(t, dir)
	second := create(t, dir)
	waits := make(chan struct{})
	second.OnWait(func() { close(waits) })
	done := make(chan error, 1)
	started := false
	r.step = func(string, string) error {
		if started {
			return nil
		}
		started = true
		req := request(t, 20)
		req.Version = "1.2.4"
		go func() {
			_, err := second.Add(t.Context(), req)
			done <- err
		}()
		<-waits
		return nil
	}
	_, err := r.Add(t.Context(), request(t, 1))
	require.NoError(t, err)
	require.NoError(t, <-done)
	report := verifyAll(t, r)
	require.True(t, report.OK())
	require.Len(t, report.Releases, 4)

	t.Run("until their context ends", func(t *testing.T) {
		unlock, err := r.lock(t.Context())
		require.NoError(t, err)
		defer unlock()
		ctx, cancel := context.WithCancel(t.Context())
		third := create(t, dir)
		third.OnWait(cancel)
		_, err = third.Add(ctx, request(t, 1))
		require.ErrorIs(t, err, context.Canceled)
	})
}

// A transaction removes what others left, but not its own lock: a second process
// could then lock a new file.
func TestLockIsHeldDuringTransaction(t *testing.T) {
	dir := t.TempDir()
	r := stepwise(t, dir)
	steps := 0
	r.step = func(op, name string) error {
		steps++
		other, err := os.OpenRoot(dir)
		require.NoError(t, err)
		defer other.Close()
		_, err = store.Acquire(other, lockName)
		require.ErrorIs(t, err, store.ErrHeld, "%s %s", op, name)
		return nil
	}
	_, err := r.Add(t.Context(), request(t, 1))
	require.NoError(t, err)
	require.Greater(t, steps, 8)
	require.NoFileExists(t, filepath.Join(dir, lockName))
}
