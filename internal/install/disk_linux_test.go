// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/choria-io/go-updater/internal/testing/sys"
)

// mount mounts until the end of the test, and returns where.
func mount(t *testing.T, source, where, kind string, flags uintptr, data string) string {
	t.Helper()
	needRoot(t)
	if err := unix.Mount(source, where, kind, flags, data); err != nil {
		t.Skipf("NOT PROVEN: cannot mount: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(where, 0)) })
	return where
}

func tmpfs(t *testing.T, data string) (target string, before map[string]entry) {
	t.Helper()
	dir := mount(t, "tmpfs", t.TempDir(), "tmpfs", 0, "mode=755,"+data)
	target = filepath.Join(dir, "tool")
	require.NoError(t, os.WriteFile(target, oldBytes, 0o755))
	require.NoError(t, os.Chmod(target, 0o755))
	return target, snapshot(t, dir)
}

// fill fills the file system of target.
func fill(t *testing.T, target string) {
	t.Helper()
	f, err := os.Create(filepath.Join(filepath.Dir(target), "filler"))
	require.NoError(t, err)
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
}

func TestFullDiskWhenStaging(t *testing.T) {
	target, before := tmpfs(t, "size=128k")
	s, err := Begin(context.Background(), target, Options{})
	require.NoError(t, err)
	path, err := s.StagePath()
	require.NoError(t, err)
	require.ErrorIs(t, os.WriteFile(path, newBytes, 0o600), syscall.ENOSPC)
	_, err = s.Seal(path, sum(newBytes), int64(len(newBytes)))
	require.ErrorIs(t, err, ErrHash)
	require.NoError(t, s.Close())
	require.Equal(t, before, snapshot(t, filepath.Dir(target)))
}

// leaveSpace leaves enough for the journal, but not for a copy of the target.
func leaveSpace(t *testing.T, target string) {
	t.Helper()
	filler := filepath.Join(filepath.Dir(target), "filler")
	info, err := os.Stat(filler)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(filler, info.Size()-16<<10))
}

// A linked backup needs no space, a copied one does.
func TestFullDiskWhenBackingUp(t *testing.T) {
	target, _ := tmpfs(t, "size=1m")
	second := filepath.Join(filepath.Dir(target), "second")
	require.NoError(t, os.Link(target, second))
	s, err := Begin(context.Background(), target, Options{})
	require.NoError(t, err)
	st := stage(t, s, newBytes)
	fill(t, target)
	leaveSpace(t, target)
	_, err = s.Commit(st, Plan{})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, s.Close())
	requireFile(t, target, oldBytes)
	require.ElementsMatch(t, []string{"tool", "second", "filler"}, names(t, filepath.Dir(target)))

	require.NoError(t, os.Remove(second))
	require.NoError(t, os.Remove(filepath.Join(filepath.Dir(target), "filler")))
	s, err = Begin(context.Background(), target, Options{})
	require.NoError(t, err)
	st = stage(t, s, newBytes)
	fill(t, target)
	leaveSpace(t, target)
	_, err = s.Commit(st, Plan{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	requireFile(t, target, newBytes)
}

// Two inodes are those of the root directory and the target.
func TestNoInodes(t *testing.T) {
	for data, want := range map[string]error{"nr_inodes=2": syscall.ENOSPC, "nr_inodes=3": syscall.ENOSPC, "nr_inodes=5": nil} {
		t.Run(data, func(t *testing.T) {
			target, before := tmpfs(t, data)
			s, err := Begin(context.Background(), target, Options{})
			require.ErrorIs(t, err, want)
			if err == nil {
				require.NoError(t, s.Close())
			}
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

func TestReadOnlyMount(t *testing.T) {
	target, before := tmpfs(t, "size=1m")
	dir := filepath.Dir(target)
	require.NoError(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	_, err := Begin(context.Background(), target, Options{})
	require.ErrorIs(t, err, syscall.EROFS)
	require.Equal(t, before, snapshot(t, dir))
}

// A target that is a mount point, as in containers, can be neither linked nor replaced.
func TestTargetIsMountPoint(t *testing.T) {
	needRoot(t)
	target, other := newTarget(t), newTarget(t)
	program(t, other, 0, 0, 0o750)
	mount(t, other, target, "", unix.MS_BIND, "")
	before := snapshot(t, filepath.Dir(target))
	require.ErrorIs(t, (&faulty{}).run(target, false), syscall.EBUSY)
	require.Equal(t, before, snapshot(t, filepath.Dir(target)))
}

// A work directory that is a mount point is on another file system.
func TestWorkDirIsMountPoint(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, os.Mkdir(WorkDir(target), 0o700))
	mount(t, "tmpfs", WorkDir(target), "tmpfs", 0, "mode=700")
	before := snapshot(t, filepath.Dir(target))
	require.ErrorIs(t, (&faulty{}).run(target, false), syscall.EXDEV)
	after := snapshot(t, filepath.Dir(target))
	require.Equal(t, before, after)
}

// chattr +i and +a, which root cannot ignore.
func TestImmutable(t *testing.T) {
	needRoot(t)
	for name, tc := range map[string]struct {
		flag      int
		directory bool
	}{
		"immutable file":        {flag: unix.STATX_ATTR_IMMUTABLE},
		"append only file":      {flag: unix.STATX_ATTR_APPEND},
		"immutable directory":   {flag: unix.STATX_ATTR_IMMUTABLE, directory: true},
		"append only directory": {flag: unix.STATX_ATTR_APPEND, directory: true},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			dir, path := filepath.Dir(target), target
			if tc.directory {
				path = dir
			}
			before := snapshot(t, dir)
			unset := sys.SetFlag(t, path, tc.flag)
			err := (&faulty{}).run(target, false)
			unset()
			require.ErrorIs(t, err, fs.ErrPermission)
			if tc.directory && tc.flag == unix.STATX_ATTR_APPEND {
				// Files can be created but not removed. The backup stays until the
				// next update, and the error says so.
				require.ErrorContains(t, err, "undoing the backup")
				requireFile(t, target+".backup", oldBytes)
				s, err := Begin(context.Background(), target, Options{})
				require.NoError(t, err)
				require.NoError(t, s.Close())
			}
			require.Equal(t, before, snapshot(t, dir))
		})
	}
}
