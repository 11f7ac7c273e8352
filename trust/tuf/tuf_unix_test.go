// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package tuf_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/trust/tuf"
)

// Files that others may write to are not read. If both copies are damaged, the error
// says where they are.
func TestMemoryThatCannotBeUsed(t *testing.T) {
	w := newWorld(t)
	w.release("1.2.3", "version 2", nil)
	require.NoError(t, w.apply())
	again := []updater.Option{updater.CurrentVersion(""), updater.VouchedBy(tuf.New(w.root))}
	dir := filepath.Dir(w.kept("floors"))
	require.NoError(t, os.Chmod(dir, 0o777))
	w.refuses(updater.ErrUnsafeDirectory, again...)
	w.refuses(updater.ErrState, again...)
	require.NoError(t, os.Chmod(dir, 0o700))
	for _, name := range []string{"floors", "timestamp.json"} {
		require.NoError(t, os.Truncate(w.kept(name), 10))
	}
	w.refuses(updater.ErrState, again...)
	require.ErrorContains(t, w.apply(again...), dir)
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, w.apply(again...))
	require.NoError(t, os.Remove(w.kept("floors")))
	require.NoError(t, os.Symlink("/dev/zero", w.kept("floors")))
	w.refuses(updater.ErrState, again...)
}
