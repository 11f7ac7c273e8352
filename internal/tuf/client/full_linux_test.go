// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/choria-io/go-updater/internal/store"
)

// On a full disk nothing is believed that cannot be remembered, nothing is half
// written, and the next refresh with room goes on. The room is measured out so that
// each of the writes fails in turn.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT PROVEN: needs root to mount a small file system")
	}
	path := t.TempDir()
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		t.Skipf("NOT PROVEN: cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(path, unix.MNT_DETACH)) })
	var failed []string
	for pages := 0; ; pages++ {
		w := newWorld(t)
		w.Publish(root)
		dir := Dir{filepath.Join(path, fmt.Sprint("client", pages)), store.ReadFile, store.WriteFile}
		require.NoError(t, os.Mkdir(dir.Path, 0o700))
		room := fill(t, path, pages)
		store := &faulty{Store: dir}
		_, err := w.client(store).Refresh(t.Context(), w.Repo)
		require.NoError(t, os.Remove(room))
		if err == nil {
			break
		}
		require.ErrorIs(t, err, ErrState)
		require.ErrorIs(t, err, unix.ENOSPC)
		failed = append(failed, fmt.Sprint(len(store.calls)))
		entries, err := os.ReadDir(dir.Path)
		require.NoError(t, err)
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(dir.Path, e.Name()))
			require.NoError(t, err)
			if e.Name() == floorsFile {
				_, err = parseFloors(data)
				require.NoError(t, err)
				continue
			}
			require.Contains(t, [][]byte{w.Latest(root), w.Latest(timestamp), w.Latest(snapshot), w.Latest(targets)}, data, e.Name())
		}
		_, err = w.client(dir).Refresh(t.Context(), w.Repo)
		require.NoError(t, err)
		require.NoError(t, os.RemoveAll(dir.Path))
	}
	require.Greater(t, len(failed), 4, "at the writes %v", failed)
}

// fill leaves so many pages free.
func fill(t *testing.T, dir string, pages int) string {
	t.Helper()
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &st))
	path := filepath.Join(dir, "room")
	size := (int64(st.Bfree) - int64(pages)) * int64(st.Bsize)
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte{1}, int(size)), 0o600))
	return path
}
