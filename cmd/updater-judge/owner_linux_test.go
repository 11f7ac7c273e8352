// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

const alice = 4711

// as returns a command of another user.
func as(t *testing.T, uid uint32, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return cmd
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT PROVEN: needs root to act as other users")
	}
}

// alicesAgent is a program of alice's in a directory of hers, on probation.
func alicesAgent(t *testing.T, w *world) (target string) {
	t.Helper()
	target = w.install(t)
	command(t, "chown", "-R", fmt.Sprintf("%d:%d", alice, alice), filepath.Dir(target))
	out, err := as(t, alice, target, "update", "2.0.1", "1").CombinedOutput()
	require.NoError(t, err, "%s", out)
	w.requireVersion(t, "2.0.1", target)
	return target
}

// Root judges a program of alice's as alice.
func TestRootBecomesTheOwner(t *testing.T) {
	needRoot(t)
	t.Parallel()
	w := newWorld(t)
	target := alicesAgent(t, w)
	command(t, w.judge, target)
	time.Sleep(1100 * time.Millisecond)
	out, err := exec.CommandContext(t.Context(), w.judge, "--json", target).Output()
	require.NoError(t, err)
	var found verdict
	require.NoError(t, json.Unmarshal(out, &found))
	require.Equal(t, verdict{Restored: true, Failed: "2.0.1", Back: good, Starts: 2, Limit: 1}, found)
	w.requireVersion(t, good, target)
	require.Empty(t, command(t, "find", filepath.Dir(target), "!", "-user", fmt.Sprint(alice)), "everything is still hers")
	require.Empty(t, command(t, "find", target, "!", "-group", fmt.Sprint(alice)))
}

// The rights of root are gone before anything is touched: where alice may not go, her
// program is not judged.
func TestJudgeHasNoMoreRightsThanTheOwner(t *testing.T) {
	needRoot(t)
	t.Parallel()
	w := newWorld(t)
	target := alicesAgent(t, w)
	dir := filepath.Dir(target)
	command(t, "chown", "0:0", dir)
	command(t, "chmod", "0770", dir) // also without root's groups
	before := command(t, "find", dir, "-printf", `%P %i %m %u %g %s %C@\n`)
	root := as(t, 0, w.judge, target)
	root.SysProcAttr.Credential.Groups = []uint32{0}
	out, err := root.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "permission denied")
	require.Equal(t, before, command(t, "find", dir, "-printf", `%P %i %m %u %g %s %C@\n`))
}

// Another user than the owner judges nothing.
func TestJudgeOfAnotherUser(t *testing.T) {
	needRoot(t)
	t.Parallel()
	w := newWorld(t)
	target := alicesAgent(t, w)
	for range 4 {
		out, err := as(t, 65534, w.judge, target).CombinedOutput()
		t.Logf("%v: %s", err, out)
		time.Sleep(1100 * time.Millisecond)
	}
	w.requireVersion(t, "2.0.1", target)
	require.NotContains(t, journal(t, target), `"starts"`)
}

// A judge that is setuid root recovers nothing for another user, not even an update that
// was interrupted.
func TestSetuidJudgeDoesNothing(t *testing.T) {
	needRoot(t)
	t.Parallel()
	w := newWorld(t)
	target := alicesAgent(t, w)
	leftover := filepath.Join(filepath.Dir(target), ".agent.update", store.RandomName("stage"))
	require.NoError(t, os.WriteFile(leftover, nil, 0o600))
	command(t, "chown", "-R", "0:0", filepath.Dir(target))
	setuid := filepath.Join(filepath.Dir(w.install(t)), "judge")
	command(t, "cp", w.judge, setuid)
	command(t, "chmod", "4755", setuid)
	for range 3 {
		out, err := as(t, alice, setuid, target).CombinedOutput()
		require.NoError(t, err, "%s", out)
		time.Sleep(1100 * time.Millisecond)
	}
	require.FileExists(t, leftover)
	require.NotContains(t, journal(t, target), `"starts"`)
	command(t, w.judge, target)
	require.NoFileExists(t, leftover, "it is one that root's judge removes")
}

// The groups are the owner's, not root's.
func TestGroupsOf(t *testing.T) {
	gid, groups := groupsOf(0)
	require.Zero(t, gid)
	require.Contains(t, groups, 0)
	gid, groups = groupsOf(4294967294)
	require.Equal(t, nogroup, gid)
	require.Empty(t, groups)
}
