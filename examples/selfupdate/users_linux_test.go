// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	alice = 54321
	bob   = 54322
)

// startAs starts the program as a user, and returns what it prints.
func startAs(t *testing.T, uid uint32, target string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), target, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// The program of one user, which root and that user update in turn, and others start.
func TestA1A2A3_UsersOfOneProgram(t *testing.T) {
	needRoot(t)
	t.Parallel()
	w := newWorld(t)
	for name, order := range map[string][]uint32{"root's": {0, 0}, "A2 root first": {0, alice}, "A3 owner first": {alice, 0}} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "selfupdate-test-") // others can enter it
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
			require.NoError(t, os.Chmod(dir, 0o755))
			target := w.install(t, dir)
			if order[0]+order[1] != 0 {
				require.NoError(t, os.Chown(dir, alice, alice))
				require.NoError(t, os.Chown(target, alice, alice))
			}
			for i, uid := range order {
				require.Contains(t, startAs(t, uid, target, "update", "2.0.0"), "selfupdate 2.0.0")
				for _, starter := range []uint32{bob, order[0], order[1]} {
					require.Equal(t, "selfupdate 2.0.0 for linux/amd64\n", startAs(t, starter, target), "start by %d", starter)
				}
				if i == 0 {
					startAs(t, order[1], target, "rollback")
					require.Equal(t, "selfupdate 1.0.0 for linux/amd64\n", startAs(t, bob, target))
				}
			}
		})
	}
}

func TestA5_ProgramOnExFAT(t *testing.T) {
	needRoot(t)
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	image, at := filepath.Join(dir, "image"), filepath.Join(dir, "at")
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, 256<<20))
	require.NoError(t, os.Mkdir(at, 0o755))
	if out, err := exec.CommandContext(t.Context(), "sh", "-c",
		"mkfs.exfat $0 && mount.exfat-fuse -o umask=022 $(losetup --find --show $0) $1", image, at).CombinedOutput(); err != nil {
		t.Skipf("NOT PROVEN: needs exfat-fuse: %v: %s", err, out)
	}
	t.Cleanup(func() {
		require.NoError(t, unix.Unmount(at, unix.MNT_DETACH))
		_ = exec.Command("sh", "-c", "losetup -j $0 -O NAME -n | xargs losetup -d", image).Run()
	})
	target := w.install(t, at)
	require.Contains(t, start(t, target, "update", "2.0.0"), "selfupdate 2.0.0")
	require.Equal(t, "2.0.0", w.version(t, target, "after the update"))
	start(t, target, "rollback")
	require.Equal(t, "1.0.0", w.version(t, target, "after the rollback"))
}
