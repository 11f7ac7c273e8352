// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/testing/sys"
)

// A user who may write to the directory of the target, but not install, checks for
// updates. That leaves nothing that keeps the owner from installing.
func TestCheckByAnotherUserDoesNotBlockTheOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT PROVEN: another user needs root")
	}
	const user, group = 54322, 54321
	w, answers := polled(t)
	dir := filepath.Dir(w.target)
	work := filepath.Join(dir, ".app.update")
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.Chown(dir, 0, group))
	require.NoError(t, os.Chmod(dir, 0o775))

	var err, kept error
	sys.AsUser(t, user, group, func() {
		_, err = w.check()
		u, err := updater.New(w.options(updater.VouchedBy(storing("x")))...)
		if err == nil {
			_, kept = u.Check(t.Context())
		}
	})
	require.NoError(t, err)
	require.Contains(t, w.log.String(), "is not kept for the next check")
	require.ErrorIs(t, kept, fs.ErrPermission)
	require.NoDirExists(t, work)

	// With StateDir it is kept.
	state := filepath.Join(dir, "state")
	sys.AsUser(t, user, group, func() { _, err = w.check(updater.StateDir(state)) })
	require.NoError(t, err)
	sys.AsUser(t, user, group, func() { _, err = w.check(updater.StateDir(state)) })
	require.NoError(t, err)
	require.Equal(t, []int{200, 200, 304}, *answers)

	require.NoError(t, updater.Apply(w.options()...), "root's")
	w.holds(newContent)

	// The owner's copy is kept, and root may use the directory of the owner.
	for _, uid := range []int{user, 0} {
		require.NoError(t, os.RemoveAll(work))
		require.NoError(t, os.Chown(w.target, user, group))
		sys.AsUser(t, uid, group, func() { _, err = w.check() })
		require.NoError(t, err)
		require.FileExists(t, filepath.Join(work, "document"))
	}
}
