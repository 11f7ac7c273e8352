// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/choria-io/go-updater/internal/testing/sys"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT PROVEN: needs root to mount or to create files of other users")
	}
}

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

func tmpfs(t *testing.T, flags uintptr, data string) (target string) {
	t.Helper()
	return program(t, mount(t, "tmpfs", t.TempDir(), "tmpfs", flags, "mode=755,"+data), "tool")
}

func TestFullDisk(t *testing.T) {
	target := tmpfs(t, 0, "size=1m")
	dir := filepath.Dir(target)
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &st))
	free := int64(st.Bavail) * st.Bsize
	require.Empty(t, look(t, quiet(t), Question{Target: target, Room: free}).Problems)
	e := requireOne(t, look(t, quiet(t), Question{Target: target, Room: free + 1}), ReasonNoRoom, dir, syscall.ENOSPC)
	require.Contains(t, e.Detail, "bytes are needed")

	err := os.WriteFile(filepath.Join(dir, "filler"), bytes.Repeat([]byte{1}, 2<<20), 0o600)
	require.ErrorIs(t, err, syscall.ENOSPC)
	requireOne(t, look(t, quiet(t), Question{Target: target, Room: 1}), ReasonNoRoom, dir, syscall.ENOSPC)
	require.Empty(t, look(t, quiet(t), Question{Target: target}).Problems, "an unknown size is not checked")
}

// The root of the file system and the target take one inode each.
func TestNoInodes(t *testing.T) {
	require.Empty(t, look(t, quiet(t), Question{Target: tmpfs(t, 0, "nr_inodes=9")}).Problems)
	target := tmpfs(t, 0, "nr_inodes=8")
	e := requireOne(t, look(t, quiet(t), Question{Target: target}), ReasonNoRoom, filepath.Dir(target), syscall.ENOSPC)
	require.Contains(t, e.Detail, "inodes")
}

// A read-only bind mount of a writable file system.
func TestReadOnlyMount(t *testing.T) {
	target := newTarget(t)
	dir := filepath.Dir(target)
	mount(t, dir, dir, "", unix.MS_BIND, "")
	require.Empty(t, look(t, quiet(t), Question{Target: target}).Problems)
	require.NoError(t, unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	requireOne(t, look(t, quiet(t), Question{Target: target}), ReasonReadOnly, dir, syscall.EROFS)
}

func TestNoExec(t *testing.T) {
	target := tmpfs(t, unix.MS_NOEXEC, "")
	dir := filepath.Dir(target)
	requireOne(t, look(t, quiet(t), Question{Target: target}), ReasonNoExec, dir, fs.ErrPermission)
	require.NoError(t, os.Chmod(target, 0o644))
	require.Empty(t, look(t, quiet(t), Question{Target: target}).Problems)
	requireOne(t, look(t, quiet(t), Question{Target: target, Execute: true}), ReasonNoExec, dir, fs.ErrPermission)
}

func TestImmutable(t *testing.T) {
	needRoot(t)
	for name, flag := range map[string]int{"immutable": unix.STATX_ATTR_IMMUTABLE, "append only": unix.STATX_ATTR_APPEND} {
		for _, which := range []string{"tool", "tool.backup", "."} {
			t.Run(name+" "+which, func(t *testing.T) {
				target := newTarget(t)
				dir := filepath.Dir(target)
				q := Question{Target: target, Beside: []string{program(t, dir, "tool.backup")}}
				unset := sys.SetFlag(t, filepath.Join(dir, which), flag)
				r := look(t, quiet(t), q)
				unset()
				requireOne(t, r, ReasonImmutable, filepath.Join(dir, which), fs.ErrPermission)
				require.Empty(t, look(t, quiet(t), q).Problems)
			})
		}
	}
}

// A symlink beside the target is replaced, and its destination is not touched.
func TestImmutableBehindSymlink(t *testing.T) {
	needRoot(t)
	target, other := newTarget(t), newTarget(t)
	backup := target + ".backup"
	require.NoError(t, os.Symlink(other, backup))
	sys.SetFlag(t, other, unix.STATX_ATTR_IMMUTABLE)
	require.Empty(t, look(t, quiet(t), Question{Target: target, Beside: []string{backup}}).Problems)
}

// The target, or its backup, bind-mounted over itself: the same inode on the same file
// system, but it cannot be renamed.
func TestMountPoint(t *testing.T) {
	for _, which := range []string{"tool", "tool.backup"} {
		target := newTarget(t)
		q := Question{Target: target, Beside: []string{program(t, filepath.Dir(target), "tool.backup")}}
		require.Empty(t, look(t, quiet(t), q).Problems)
		path := filepath.Join(filepath.Dir(target), which)
		mount(t, path, path, "", unix.MS_BIND, "")
		requireOne(t, look(t, quiet(t), q), ReasonMountPoint, path, syscall.EBUSY)
		require.ErrorIs(t, os.Rename(path, path+".new"), syscall.EBUSY, "the kernel agrees")
	}
}

func TestContainerImage(t *testing.T) {
	top := t.TempDir()
	for _, dir := range []string{"lower", "upper", "work", "root"} {
		require.NoError(t, os.Mkdir(filepath.Join(top, dir), 0o755))
	}
	program(t, filepath.Join(top, "lower"), "tool")
	require.NoError(t, os.Mkdir(filepath.Join(top, "lower", "volume"), 0o755))
	data := "lowerdir=" + top + "/lower,upperdir=" + top + "/upper,workdir=" + top + "/work"
	root := mount(t, "overlay", filepath.Join(top, "root"), "overlay", 0, data)
	s := system{root: root, goos: "linux"}
	image := Question{Target: filepath.Join(root, "tool")}
	require.Empty(t, look(t, s, image).Notices, "not in a container")

	volume := mount(t, "tmpfs", filepath.Join(root, "volume"), "tmpfs", 0, "mode=755")
	for _, mark := range containerFiles {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, mark)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, mark), nil, 0o644))
		r := look(t, s, image)
		require.Empty(t, r.Problems)
		require.Equal(t, []Reason{ReasonContainerImage}, reasons(r.Notices), mark)
		require.Empty(t, look(t, s, Question{Target: program(t, volume, "tool")}).Notices, "a volume is not part of the image")
		require.NoError(t, os.Remove(filepath.Join(root, mark)))
	}

	disk := newTarget(t)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(disk), ".dockerenv"), nil, 0o644))
	r := look(t, system{root: filepath.Dir(disk), goos: "linux"}, Question{Target: disk})
	if !errors.Is(overlaid(t, disk), errors.ErrUnsupported) {
		t.Skip("NOT PROVEN: temporary files are on an overlay")
	}
	require.Empty(t, r.Notices, "an image unpacked to a disk")
}

func overlaid(t *testing.T, path string) error {
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(path, &st))
	if st.Type == unix.OVERLAYFS_SUPER_MAGIC || st.Type == unix.FUSE_SUPER_MAGIC {
		return nil
	}
	return errors.ErrUnsupported
}
