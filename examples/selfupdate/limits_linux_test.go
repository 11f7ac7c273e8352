// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT PROVEN: needs root to mount or to create files of other users")
	}
}

func mount(t *testing.T, source, where, kind string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, where, kind, flags, data); err != nil {
		t.Skipf("NOT PROVEN: cannot mount: %v", err)
	}
	// MNT_DETACH, because a child that a parallel test is forking may have a file open.
	t.Cleanup(func() { require.NoError(t, unix.Unmount(where, unix.MNT_DETACH)) })
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// state is what a refused update must not change. The time of a directory does
// change: the lock is taken in it, and given up.
func state(t *testing.T, target string) string {
	t.Helper()
	return command(t, "find", filepath.Dir(target), "-type", "d", "-printf", `%P %i %m %u %g\n`, "-o", "-printf", `%P %i %m %u %g %s %T@\n`) +
		command(t, "sha256sum", target)
}

// The program cannot update itself. It prints why, and nothing was changed.
func TestUpdateIsImpossible(t *testing.T) {
	needRoot(t)
	t.Parallel()
	w := newWorld(t)
	info, err := os.Stat(w.old)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, dir string) // before the program is there
		after   func(t *testing.T, target string)
		user    uint32
		says    string
	}{
		"a disk with 1 MiB left": {prepare: func(t *testing.T, dir string) {
			mount(t, "tmpfs", dir, "tmpfs", 0, fmt.Sprintf("mode=755,size=%d", info.Size()+1<<20))
		}, says: "not enough space"},
		"a read-only bind mount": {after: func(t *testing.T, target string) {
			dir := filepath.Dir(target)
			mount(t, dir, dir, "", unix.MS_BIND, "")
			require.NoError(t, unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		}, says: "read-only"},
		"an immutable file": {after: func(t *testing.T, target string) {
			if out, err := exec.CommandContext(t.Context(), "chattr", "+i", target).CombinedOutput(); err != nil {
				t.Skipf("NOT PROVEN: needs a file system with inode flags: %s", out)
			}
			t.Cleanup(func() { require.NoError(t, exec.Command("chattr", "-i", target).Run()) })
		}, says: "immutable"},
		"another user": {after: func(*testing.T, string) {}, user: 65534, says: "not writable"},
	} {
		t.Run(name, func(t *testing.T) {
			// Not t.TempDir, which other users cannot enter.
			dir, err := os.MkdirTemp("", "selfupdate-test-")
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
			require.NoError(t, os.Chmod(dir, 0o755))
			if tc.prepare != nil {
				tc.prepare(t, dir)
			}
			target := w.install(t, dir)
			if tc.after != nil {
				tc.after(t, target)
			}
			before := state(t, target)
			cmd := exec.CommandContext(t.Context(), target, "update", "2.0.0")
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: tc.user, Gid: tc.user}}
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "%s", out)
			require.Contains(t, string(out), "not updated, nothing was changed")
			require.Contains(t, string(out), tc.says)
			require.Equal(t, before, state(t, target))
			require.Contains(t, start(t, target), "selfupdate 1.0.0")
		})
	}
}

// The update works for unusual paths, files and file systems.
func TestUnusualTargets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tc := range map[string]struct {
		place func(t *testing.T, dir string) string // of the program
		check func(t *testing.T, target string)
	}{
		"a name with spaces and UTF-8": {place: func(_ *testing.T, dir string) string {
			return filepath.Join(dir, "my prógram ✓")
		}},
		"a path of 4,000 bytes": {place: longPath},
		"a sticky directory": {place: func(t *testing.T, dir string) string {
			require.NoError(t, os.Chmod(dir, 0o777|os.ModeSticky))
			return filepath.Join(dir, "selfupdate")
		}},
		"capabilities and an access list": {place: func(_ *testing.T, dir string) string {
			return filepath.Join(dir, "selfupdate")
		}, check: func(t *testing.T, target string) {
			require.Contains(t, command(t, "getcap", target), "cap_net_bind_service=ep")
			require.Contains(t, command(t, "getfacl", "-cnp", target), "user:4242:r-x")
		}},
		"a directory of FUSE": {place: func(t *testing.T, dir string) string {
			at := filepath.Join(dir, "at")
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "below"), 0o755))
			require.NoError(t, os.Mkdir(at, 0o755))
			if out, err := exec.CommandContext(t.Context(), "bindfs", filepath.Join(dir, "below"), at).CombinedOutput(); err != nil {
				t.Skipf("NOT PROVEN: needs root and bindfs: %v: %s", err, out)
			}
			t.Cleanup(func() { require.NoError(t, unix.Unmount(at, unix.MNT_DETACH)) })
			return filepath.Join(at, "selfupdate")
		}},
		"the upper layer of an overlay": {place: func(t *testing.T, dir string) string {
			return filepath.Join(overlay(t, dir), "selfupdate")
		}},
		"a program of another user": {place: func(t *testing.T, dir string) string {
			require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // that user has to get there
			return filepath.Join(dir, "selfupdate")
		}, check: func(t *testing.T, target string) {
			require.Equal(t, "4242 4243 755\n", command(t, "stat", "-c", "%u %g %a", target))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			target := tc.place(t, dir)
			require.NoError(t, os.Rename(w.install(t, filepath.Dir(target)), target))
			switch name {
			case "capabilities and an access list":
				needRoot(t)
				command(t, "setfacl", "-m", "u:4242:r-x", target)
				command(t, "setcap", "cap_net_bind_service=+ep", target)
			case "a program of another user":
				needRoot(t)
				require.NoError(t, os.Chown(target, 4242, 4243))
			}
			if tc.check != nil {
				tc.check(t, target)
			}
			require.Contains(t, start(t, target, "update", "2.0.0"), "selfupdate 2.0.0")
			require.Equal(t, "2.0.0", w.version(t, target, name))
			require.Equal(t, "1.0.0", w.version(t, target+".backup", name))
			if tc.check != nil {
				tc.check(t, target)
			}
			start(t, target, "rollback")
			require.Equal(t, "1.0.0", w.version(t, target, name))
			if tc.check != nil {
				tc.check(t, target)
			}
		})
	}
}

// longPath has 4,000 of at most 4,096 bytes.
func longPath(t *testing.T, dir string) string {
	t.Helper()
	rest := 4000 - len(dir) - len("/selfupdate")
	name := strings.Repeat("/"+strings.Repeat("d", 199), rest/200)[1:]
	if left := rest % 200; left > 1 {
		name += "/" + strings.Repeat("d", left-1)
	}
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	require.NoError(t, root.MkdirAll(name, 0o755))
	t.Cleanup(func() {
		require.NoError(t, root.RemoveAll(strings.Repeat("d", 199)))
		require.NoError(t, root.Close())
	})
	return filepath.Join(dir, name, "selfupdate")
}

// overlay mounts an overlay in dir, with the lower layer that lower creates.
func overlay(t *testing.T, dir string, lower ...func(dir string)) (merged string) {
	t.Helper()
	// The temporary directory may be on an overlay, which cannot be a layer.
	mount(t, "tmpfs", dir, "tmpfs", 0, "mode=755")
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	for _, fill := range lower {
		fill(filepath.Join(dir, "lower"))
	}
	merged = filepath.Join(dir, "merged")
	mount(t, "overlay", merged, "overlay", 0, fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", dir))
	return merged
}

// A program in the lower layer is replaced in the upper one.
func TestTargetInLowerLayer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	target := filepath.Join(overlay(t, dir, func(lower string) { w.install(t, lower) }), "selfupdate")
	require.Contains(t, start(t, target, "update", "2.0.0"), "selfupdate 2.0.0")
	require.Equal(t, "2.0.0", w.version(t, target, "after the update"))
	require.Equal(t, "1.0.0", w.version(t, filepath.Join(dir, "lower", "selfupdate"), "the lower layer"))
	require.Equal(t, "2.0.0", w.version(t, filepath.Join(dir, "upper", "selfupdate"), "the upper layer"))
	start(t, target, "rollback")
	require.Equal(t, "1.0.0", w.version(t, target, "after the rollback"))
}
