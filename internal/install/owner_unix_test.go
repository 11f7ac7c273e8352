// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

const (
	nobody = 65534
	dirEnv = "INSTALL_TEST_DIR"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT PROVEN: needs root to mount or to create files of other users")
	}
}

// asNobody runs the calling test again without privileges, and returns true. In that run
// it returns false, and dir is the directory that prepare was called for.
func asNobody(t *testing.T, prepare func(dir string)) (dir string, parent bool) {
	t.Helper()
	if dir := os.Getenv(dirEnv); dir != "" {
		return dir, false
	}
	needRoot(t)
	// Not t.TempDir, which other users cannot enter.
	top, err := os.MkdirTemp("", "install-test-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(top) })
	require.NoError(t, os.Chmod(top, 0o755))
	dir = filepath.Join(top, "bin")
	require.NoError(t, os.Mkdir(dir, 0o755))
	prepare(dir)
	before := snapshot(t, dir)

	self, err := os.ReadFile("/proc/self/exe")
	if errors.Is(err, fs.ErrNotExist) {
		path, pathErr := os.Executable()
		require.NoError(t, pathErr)
		self, err = os.ReadFile(path)
	}
	require.NoError(t, err)
	program := filepath.Join(top, "install.test")
	require.NoError(t, os.WriteFile(program, self, 0o755))
	cmd := exec.Command(program, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Dir = top
	cmd.Env = append(os.Environ(), dirEnv+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	require.Equal(t, before, snapshot(t, dir))
	return "", true
}

func program(t *testing.T, path string, uid, gid int, mode fs.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, oldBytes, 0o600))
	require.NoError(t, os.Chown(path, uid, gid))
	require.NoError(t, os.Chmod(path, mode))
}

func TestOwnerIsKept(t *testing.T) {
	needRoot(t)
	for _, mode := range []fs.FileMode{0o755, 0o750, 0o755 | fs.ModeSetuid, 0o755 | fs.ModeSetuid | fs.ModeSetgid} {
		for _, second := range []bool{false, true} {
			target := newTarget(t)
			program(t, target, 1234, 4321, mode)
			if second { // so that update and rollback copy
				require.NoError(t, os.Link(target, filepath.Join(t.TempDir(), "second")))
			}
			check := func(path string) {
				t.Helper()
				info, err := os.Lstat(path)
				require.NoError(t, err)
				uid, gid := store.Owner(info)
				require.Equal(t, []any{1234, 4321, mode}, []any{uid, gid, info.Mode()})
			}
			update(t, target, newBytes)
			check(target)
			check(target + ".backup")
			require.NoError(t, Rollback(context.Background(), target))
			check(target)
			requireFile(t, target, oldBytes)
		}
	}
}

// The new file is never setuid while it belongs to another user.
func TestOwnerIsSetBeforeMode(t *testing.T) {
	needRoot(t)
	target := newTarget(t)
	program(t, target, 1234, 4321, 0o755|fs.ModeSetuid)
	var modes []fs.FileMode
	f := &faulty{after: func(op, name string) error {
		if op == "chown" || op == "chmod" {
			info, err := os.Lstat(stagedFile(t, target))
			require.NoError(t, err)
			if uid, _ := store.Owner(info); uid != 1234 {
				require.Equal(t, fs.FileMode(0o600), info.Mode())
			}
			modes = append(modes, info.Mode())
		}
		return nil
	}}
	require.NoError(t, f.run(target, false))
	require.Equal(t, []fs.FileMode{0o600, 0o600, 0o755 | fs.ModeSetuid}, modes)
}

// Kernels drop setuid and setgid without an error.
func TestModeThatWasNotSet(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, os.Chmod(target, 0o755|fs.ModeSetuid))
	before := snapshot(t, filepath.Dir(target))
	f := &faulty{after: func(op, name string) error {
		if op == "chmod" && filepath.Dir(name) == WorkDir(target) {
			return os.Chmod(name, 0o755)
		}
		return nil
	}}
	require.ErrorIs(t, f.run(target, false), ErrOwner)
	require.Equal(t, before, snapshot(t, filepath.Dir(target)))
}

func TestOwnerThatCannotBeKept(t *testing.T) {
	dir, parent := asNobody(t, func(dir string) {
		require.NoError(t, os.Chown(dir, nobody, nobody))
		program(t, filepath.Join(dir, "tool"), nobody, 0, 0o755)
	})
	if parent {
		return
	}
	s, err := Begin(context.Background(), filepath.Join(dir, "tool"), Options{})
	require.NoError(t, err)
	_, err = s.Commit(stage(t, s, newBytes), Plan{})
	require.ErrorIs(t, err, ErrOwner)
	require.ErrorIs(t, err, fs.ErrPermission)
	require.NoError(t, s.Close())
}

// A user who is neither root nor the owner is refused before anything is made.
func TestTargetOfAnotherUser(t *testing.T) {
	dir, parent := asNobody(t, func(dir string) {
		require.NoError(t, os.Chown(dir, nobody, nobody))
		program(t, filepath.Join(dir, "tool"), 0, 0, 0o755)
	})
	if parent {
		return
	}
	before := snapshot(t, dir)
	_, err := Begin(context.Background(), filepath.Join(dir, "tool"), Options{})
	require.ErrorIs(t, err, ErrOwner)
	require.ErrorIs(t, err, fs.ErrPermission)
	require.Equal(t, before, snapshot(t, dir))
}

func TestReadOnlyDirectory(t *testing.T) {
	dir, parent := asNobody(t, func(dir string) {
		program(t, filepath.Join(dir, "tool"), nobody, nobody, 0o755)
	})
	if parent {
		return
	}
	_, err := Begin(context.Background(), filepath.Join(dir, "tool"), Options{})
	require.ErrorIs(t, err, fs.ErrPermission)
}

// In a sticky directory another user created the work directory first.
func TestWorkDirOfAnotherUser(t *testing.T) {
	dir, parent := asNobody(t, func(dir string) {
		require.NoError(t, os.Chmod(dir, 0o777|fs.ModeSticky))
		program(t, filepath.Join(dir, "tool"), nobody, nobody, 0o755)
		require.NoError(t, os.Mkdir(WorkDir(filepath.Join(dir, "tool")), 0o700))
	})
	if parent {
		return
	}
	_, err := Begin(context.Background(), filepath.Join(dir, "tool"), Options{})
	require.ErrorIs(t, err, ErrUnsafeDirectory)
	require.ErrorContains(t, err, "belongs to user 0")
}

// In a sticky directory another user created the backup, which can be neither replaced
// nor restored.
func TestBackupOfAnotherUser(t *testing.T) {
	dir, parent := asNobody(t, func(dir string) {
		require.NoError(t, os.Chmod(dir, 0o777|fs.ModeSticky))
		program(t, filepath.Join(dir, "tool"), nobody, nobody, 0o755)
		program(t, filepath.Join(dir, "tool.backup"), 1234, nobody, 0o755)
	})
	if parent {
		return
	}
	target := filepath.Join(dir, "tool")
	require.ErrorIs(t, Rollback(context.Background(), target), ErrOwner)
	s, err := Begin(context.Background(), target, Options{})
	require.NoError(t, err)
	_, err = s.Commit(stage(t, s, newBytes), Plan{})
	require.ErrorIs(t, err, fs.ErrPermission)
	require.NoError(t, s.Close())
}

// Root could use it, and does not: what is in it stays as it is, under another name.
func TestWorkDirOfAnotherUserAsRoot(t *testing.T) {
	needRoot(t)
	target := newTarget(t)
	require.NoError(t, os.Mkdir(WorkDir(target), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(WorkDir(target), journalFile), []byte("theirs"), 0o600))
	require.NoError(t, os.Chown(WorkDir(target), 1234, 1234))
	before := snapshot(t, WorkDir(target))
	update(t, target, newBytes)
	requireFile(t, target, newBytes)
	requireAside(t, target, before)
}

// requireAside asserts that the work directory that was there was moved aside as it is.
func requireAside(t *testing.T, target string, before map[string]entry) {
	t.Helper()
	aside, err := filepath.Glob(WorkDir(target) + ".aside-*")
	require.NoError(t, err)
	require.Len(t, aside, 1)
	require.NoError(t, os.RemoveAll(WorkDir(target)))
	require.NoError(t, os.Rename(aside[0], WorkDir(target)))
	require.Equal(t, before, snapshot(t, WorkDir(target)))
}
