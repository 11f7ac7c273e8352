// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

// Temporary files of a killed writer are removed, but not those of another writer.
func TestRemoveLeftovers(t *testing.T) {
	dir := t.TempDir()
	ours := []string{"a-01.json." + store.RandomName("write"), "a-01.document." + store.RandomName("write")}
	others := []string{
		"b-01.json." + store.RandomName("write"), "a-01." + store.RandomName("stage"), "a-01.json.write-x", "a-01.json",
		store.RandomName("write"), "a-01." + store.RandomName("write") + ".json", "a-01x." + store.RandomName("write"),
	}
	for _, name := range append(ours, others...) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	folder := "a-01.json." + store.RandomName("write")
	require.NoError(t, os.Mkdir(filepath.Join(dir, folder), 0o700))
	require.NoError(t, store.RemoveLeftovers(dir, "a-01."))
	require.ElementsMatch(t, append(others, folder), names(t, dir))
	require.ErrorIs(t, store.RemoveLeftovers(filepath.Join(dir, "absent"), ""), os.ErrNotExist)

	// Write uses these names.
	seen := ""
	f := &faulty{before: func(op, name string) error {
		if op == "sync" {
			seen = filepath.Base(name)
			return errFault
		}
		return nil
	}}
	fsys, err := f.open(dir)
	require.NoError(t, err)
	defer fsys.Close()
	require.Error(t, store.Write(fsys, ".", "a-01.json", nil))
	require.True(t, strings.HasPrefix(seen, "a-01.json.") && store.IsTemporary(seen), seen)
}
