// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/testing/sys"
)

// A user who may start the program, and not update it, gets what can be known.
func TestStatusForAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT PROVEN: needs root to become another user")
	}
	w := newWorld(t)
	for dir := filepath.Dir(w.target); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
	require.NoError(t, os.Chmod(w.target, 0o755))
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	require.NoError(t, updater.Apply(w.options()...))
	u := w.updater(updater.CurrentVersion("1.2.3"))
	before := w.snapshot()
	var status *updater.Status
	var err error
	sys.AsUser(t, 65534, 65534, func() { status, err = u.Status() })
	require.NoError(t, err)
	require.NotEmpty(t, status.NotReadable)
	require.Empty(t, status.Installed)
	require.Equal(t, "1.2.3", status.Floor)
	require.Equal(t, "1.2.3", status.Running)
	require.Equal(t, before, w.snapshot())
}
