// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/testing/race"
)

const disabledEnv = "UPDATER_TEST_DISABLED"

// A build with the tag noselfupdate refuses updates, and starts nevertheless.
func TestNoSelfUpdate(t *testing.T) {
	race.Skip(t, "the programs are built without it")
	if os.Getenv(disabledEnv) == "" {
		cmd := exec.CommandContext(t.Context(), "go", "test", "-tags", "noselfupdate", "-run", "^TestNoSelfUpdate$", ".")
		cmd.Env = append(os.Environ(), disabledEnv+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	w.refuses(updater.ErrDisabled)
	require.Zero(t, w.requests.Load())
	require.ErrorIs(t, updater.Rollback(updater.TargetFile(w.target)), updater.ErrDisabled)
	require.ErrorIs(t, w.status().Off, updater.ErrDisabled)
	recovery, err := updater.Recover(updater.TargetFile(w.target))
	require.NoError(t, err)
	require.Zero(t, *recovery)
	require.NoError(t, updater.Confirm(updater.TargetFile(w.target)))
	recovery, err = updater.Judge(t.Context(), updater.TargetFile(w.target+"-missing"))
	require.NoError(t, err, "it does not even look")
	require.Zero(t, *recovery)
}
