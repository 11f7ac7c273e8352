// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/tuf"
)

// On a full disk nothing is used that cannot be remembered, no file is half written,
// and the next refresh with room goes on. The room is chosen so that each of the
// writes fails in turn.
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
		dir := dirStore(filepath.Join(path, fmt.Sprint("client", pages)))
		require.NoError(t, os.Mkdir(string(dir), 0o700))
		room := fill(t, path, pages)
		store := &faulty{Store: dir}
		_, err := refreshed(t, w.client(store), w.Repo)
		require.NoError(t, os.Remove(room))
		if err == nil {
			break
		}
		require.ErrorIs(t, err, ErrState)
		require.ErrorIs(t, err, unix.ENOSPC)
		failed = append(failed, fmt.Sprint(len(store.calls)))
		entries, err := os.ReadDir(string(dir))
		require.NoError(t, err)
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(string(dir), e.Name()))
			require.NoError(t, err)
			if e.Name() == floorsFile {
				_, err = tuf.ParseFloors(data)
				require.NoError(t, err)
				continue
			}
			require.Contains(t, [][]byte{w.Latest(root), w.Latest(timestamp), w.Latest(snapshot), w.Latest(targets)}, data, e.Name())
		}
		_, err = refreshed(t, w.client(dir), w.Repo)
		require.NoError(t, err)
		require.NoError(t, os.RemoveAll(string(dir)))
	}
	require.Greater(t, len(failed), 4, "at the writes %v", failed)
}

// dirStore is a Store in a directory, for one process.
type dirStore string

func (d dirStore) Read(name string, limit int64) ([]byte, error) {
	dir, err := store.OpenRoot(string(d))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return store.Read(dir, name, limit)
}

func (d dirStore) Update(_ context.Context, change func() ([]store.File, error)) error {
	dir, err := store.OpenRoot(string(d))
	if err != nil {
		return err
	}
	defer dir.Close()
	files, err := change()
	for _, f := range files {
		if err = store.Write(dir, ".", f.Name, f.Data); err != nil {
			break
		}
	}
	return err
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
