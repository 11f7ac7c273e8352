// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

// Leftovers of a killed update are removed, and no other files.
func TestLeftoversAreRemoved(t *testing.T) {
	target := newTarget(t)
	work := WorkDir(target)
	require.NoError(t, os.Mkdir(work, 0o700))
	for _, kind := range []string{"stage", "backup", "keep", "aside", "write"} {
		require.NoError(t, os.WriteFile(filepath.Join(work, store.RandomName(kind)), newBytes, 0o700))
	}
	require.NoError(t, os.WriteFile(filepath.Join(work, "journal.json."+store.RandomName("write")), newBytes, 0o600))
	kept := []string{"a." + store.RandomName("stage"), "stage-", "stage-notours", "xstage-" + store.RandomName("x")[2:], store.RandomName("stage") + "x", TrustFile, "stage"}
	for _, name := range kept {
		require.NoError(t, os.WriteFile(filepath.Join(work, name), nil, 0o600))
	}
	directory := store.RandomName("stage")
	require.NoError(t, os.Mkdir(filepath.Join(work, directory), 0o700))

	s, err := Begin(context.Background(), target, Options{})
	require.NoError(t, err)
	require.ElementsMatch(t, append(kept, directory, "lock"), names(t, work))
	require.NoError(t, s.Close())
	require.ElementsMatch(t, append(kept, directory), names(t, work))

	require.NoError(t, os.Remove(filepath.Join(work, directory)))
	require.NoError(t, os.WriteFile(filepath.Join(work, "document."+store.RandomName("write")), nil, 0o600))
	_, err = Recover(context.Background(), target, Options{})
	require.NoError(t, err)
	require.ElementsMatch(t, kept, names(t, work))
}

// The process was killed after it moved the older backup.
func TestLeftoverBackupIsRestored(t *testing.T) {
	older := []byte("older")
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, target string)
		want    []byte
	}{
		"before the new one was there": {func(*testing.T, string) {}, older},
		"after the new one was there": {func(t *testing.T, target string) {
			require.NoError(t, os.Link(target, target+".backup"))
		}, older},
		"after the swap": {func(t *testing.T, target string) {
			require.NoError(t, os.WriteFile(target+".backup", newBytes, 0o755))
		}, newBytes},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			require.NoError(t, os.Mkdir(WorkDir(target), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(WorkDir(target), store.RandomName("previous")), older, 0o755))
			tc.prepare(t, target)
			s, err := Begin(context.Background(), target, Options{})
			require.NoError(t, err)
			require.NoError(t, s.Close())
			requireFile(t, target+".backup", tc.want)
			requireFile(t, target, oldBytes)
			require.Equal(t, []string{"tool", "tool.backup"}, names(t, filepath.Dir(target)))
		})
	}
}
