// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
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
	for mode, why := range map[os.FileMode]string{0o755: "kept by another user", 0o700: "permission denied"} {
		require.NoError(t, os.Chmod(filepath.Dir(w.target), mode))
		var status *updater.Status
		var err error
		sys.AsUser(t, 65534, 65534, func() { status, err = u.Status() })
		require.NoError(t, err)
		require.Contains(t, status.NotReadable, why)
		require.Empty(t, status.Installed)
		require.Equal(t, "1.2.3", status.Running)
	}
	require.Equal(t, before, w.snapshot())
}

// A user cannot switch the updates of a program off that has more rights than they have.
func TestSwitchOfASetuidProgram(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT PROVEN: needs root to make a setuid program")
	}
	dir := t.TempDir()
	for parent := dir; parent != os.TempDir() && parent != "/"; parent = filepath.Dir(parent) {
		require.NoError(t, os.Chmod(parent, 0o755))
	}
	self, err := os.Executable()
	require.NoError(t, err)
	path := filepath.Join(dir, "program")
	out, err := exec.CommandContext(t.Context(), "cp", self, path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for mode, want := range map[os.FileMode]string{
		0o755:                 "updates are switched off by the environment variable GO_UPDATER_OFF <nil>\n",
		0o755 | os.ModeSetuid: "<nil> <nil>\n",
	} {
		require.NoError(t, os.Chmod(path, mode))
		cmd := exec.CommandContext(t.Context(), path)
		cmd.Dir = "/"
		cmd.Env = append(os.Environ(), switchEnv+"="+filepath.Join(dir, "none"), "GO_UPDATER_OFF=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Equal(t, want, string(out), mode)
	}
}
