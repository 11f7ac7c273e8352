// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package attrs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/choria-io/go-updater/internal/testing/faults"
)

// pair creates two programs in a new directory and opens both.
func pair(t *testing.T) (dst, src *os.File, dir string) {
	t.Helper()
	dir = t.TempDir()
	return create(t, dir, "new"), create(t, dir, "old"), dir
}

func create(t *testing.T, dir, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o755)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("NOT PROVEN: no ", name)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT PROVEN: needs root")
	}
}

func TestCapabilitiesAreCopied(t *testing.T) {
	needRoot(t)
	dst, src, _ := pair(t)
	command(t, "setcap", "cap_net_bind_service=+ep", src.Name())
	lost, err := Copy(dst, src)
	require.NoError(t, err)
	require.Empty(t, lost)
	require.Contains(t, command(t, "getcap", dst.Name()), "cap_net_bind_service=ep")
}

func TestACLIsCopiedAndInheritedOneRemoved(t *testing.T) {
	dst, src, dir := pair(t)
	command(t, "setfacl", "-m", "u:4242:r-x,m:r-x", src.Name())
	_, err := Copy(dst, src)
	require.NoError(t, err)
	require.Contains(t, command(t, "getfacl", "-cn", dst.Name()), "user:4242:r-x")

	command(t, "setfacl", "-d", "-m", "u:666:rwx", dir)
	heir := create(t, dir, "heir")
	require.Contains(t, command(t, "getfacl", "-cn", heir.Name()), "user:666:rwx")
	plain := create(t, t.TempDir(), "plain")
	_, err = Copy(heir, plain)
	require.NoError(t, err)
	require.NotContains(t, command(t, "getfacl", "-cn", heir.Name()), "user:666")
}

func TestUserAttributesAreCopied(t *testing.T) {
	dst, src, _ := pair(t)
	require.NoError(t, unix.Fsetxattr(int(src.Fd()), "user.note", []byte("from ops"), 0))
	require.NoError(t, unix.Fsetxattr(int(dst.Fd()), "user.other", []byte("x"), 0))
	lost, err := Copy(dst, src)
	require.NoError(t, err)
	require.Empty(t, lost)
	got, err := read(dst)
	require.NoError(t, err)
	require.Equal(t, map[string][]byte{"user.note": []byte("from ops")}, got)
}

func TestSignaturesOfOldContentAreNotCopied(t *testing.T) {
	needRoot(t)
	dst, src, _ := pair(t)
	if err := unix.Fsetxattr(int(src.Fd()), "security.ima", []byte{1, 2, 3}, 0); err != nil {
		t.Skip("NOT PROVEN: no security.ima here: ", err)
	}
	_, err := Copy(dst, src)
	require.NoError(t, err)
	_, err = unix.Fgetxattr(int(dst.Fd()), "security.ima", nil)
	require.ErrorIs(t, err, unix.ENODATA)
}

const copyEnv = "ATTRS_TEST_COPY"

// copyTraced calls the same test again, in which it copies the attributes of old to new
// with faults, and returns true. In that run it returns false and the result of Copy.
func copyTraced(t *testing.T, dir string, hook faults.Hook) (traced bool, lost []string, err error) {
	t.Helper()
	if dir := os.Getenv(copyEnv); dir != "" {
		src, err := os.Open(filepath.Join(dir, "old"))
		require.NoError(t, err)
		dst, err := os.Open(filepath.Join(dir, "new"))
		require.NoError(t, err)
		lost, err = Copy(dst, src)
		return false, lost, err
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), copyEnv+"="+dir)
	res, err := faults.Run(t.Context(), cmd, faults.Watch{Dirs: []string{dir}, Also: faults.Reads}, hook)
	if errors.Is(err, faults.ErrUnsupported) {
		t.Skip("NOT PROVEN: ", err)
	}
	require.NoError(t, err)
	require.Zero(t, res.Exit, "%s", res.Output)
	require.Contains(t, string(res.Output), "--- PASS")
	return true, nil, nil
}

// A file system may accept a capability and not store it.
func TestCapabilityThatIsNotStored(t *testing.T) {
	needRoot(t)
	_, src, dir := pair(t)
	command(t, "setcap", "cap_net_bind_service=+ep", src.Name())
	set := 0
	traced, _, err := copyTraced(t, dir, func(c faults.Call) faults.Action {
		if c.Name != "fsetxattr" {
			return faults.Pass
		}
		set++
		return faults.Lose
	})
	if traced {
		require.Equal(t, 1, set, "the capability was set")
		return
	}
	require.ErrorIs(t, err, ErrLost)
	require.ErrorContains(t, err, capability)
}

// A file system without extended attributes has none to copy. Any other error is
// returned, since what could not be read may be access rights.
func TestReadingAttributesFails(t *testing.T) {
	for name, tc := range map[string]struct {
		call  string
		errno unix.Errno
		want  error
	}{
		"attributes not supported": {"flistxattr", unix.ENOTSUP, nil},
		"list":                     {"flistxattr", unix.EIO, unix.EIO},
		"attribute was removed":    {"fgetxattr", unix.ENODATA, nil},
		"attribute":                {"fgetxattr", unix.EIO, unix.EIO},
	} {
		t.Run(name, func(t *testing.T) {
			_, src, dir := pair(t)
			require.NoError(t, unix.Fsetxattr(int(src.Fd()), "user.note", []byte("x"), 0))
			failed := false
			traced, lost, err := copyTraced(t, dir, func(c faults.Call) faults.Action {
				if c.Name != tc.call {
					return faults.Pass
				}
				failed = true
				return faults.Fail(tc.errno)
			})
			if traced {
				require.True(t, failed)
				return
			}
			require.ErrorIs(t, err, tc.want)
			require.Empty(t, lost)
		})
	}
}

const asUserEnv = "ATTRS_TEST_AS_USER"

// Setting a capability takes a privilege.
func TestCapabilityThatCannotBeSet(t *testing.T) {
	if dir := os.Getenv(asUserEnv); dir != "" {
		src, err := os.Open(filepath.Join(dir, "old"))
		require.NoError(t, err)
		dst := create(t, dir, "mine")
		_, err = Copy(dst, src)
		require.ErrorIs(t, err, ErrLost)
		require.ErrorIs(t, err, os.ErrPermission)
		return
	}
	needRoot(t)
	dir, err := os.MkdirTemp("", "attrs-*")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chown(dir, 65534, 65534))
	src := create(t, dir, "old")
	command(t, "setcap", "cap_net_bind_service=+ep", src.Name())
	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	bin := filepath.Join(dir, "test")
	require.NoError(t, os.WriteFile(bin, self, 0o755))
	cmd := exec.CommandContext(t.Context(), "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
		bin, "-test.run=^TestCapabilityThatCannotBeSet$", "-test.v")
	cmd.Env = append(os.Environ(), asUserEnv+"="+dir)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS")
}

func TestFileSystemWithoutAttributes(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	if err := unix.Mount("ramfs", dir, "ramfs", 0, ""); err != nil {
		t.Skip("NOT PROVEN: no ramfs: ", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	lost, err := Copy(create(t, dir, "new"), create(t, dir, "old"))
	require.NoError(t, err)
	require.Empty(t, lost)

	noted := create(t, t.TempDir(), "noted")
	require.NoError(t, unix.Fsetxattr(int(noted.Fd()), "user.note", []byte("x"), 0))
	lost, err = Copy(create(t, dir, "third"), noted)
	require.NoError(t, err)
	require.Equal(t, []string{"user.note"}, lost)
}

// disk returns a directory on a file system of this kind.
func disk(t *testing.T, kind faults.FileSystem) string {
	t.Helper()
	return faults.NewDisk(t, kind).Dir
}

func TestFlagsAreCopied(t *testing.T) {
	dir := disk(t, faults.Ext4)
	dst, src := create(t, dir, "new"), create(t, dir, "old")
	const dumpAndTime = 0x40 | 0x80
	was, err := flagsOf(src)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(src.Fd()), unix.FS_IOC_SETFLAGS, was|dumpAndTime))
	lost, err := Copy(dst, src)
	require.NoError(t, err)
	require.Empty(t, lost)
	has, err := flagsOf(dst)
	require.NoError(t, err)
	require.Equal(t, dumpAndTime, has&dumpAndTime)

	// tmpfs has no flag S.
	require.NoError(t, unix.IoctlSetPointerInt(int(src.Fd()), unix.FS_IOC_SETFLAGS, was|0x8))
	other := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", other, "tmpfs", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(other, unix.MNT_DETACH) })
	lost, err = Copy(create(t, other, "new"), src)
	require.NoError(t, err)
	require.Equal(t, []string{"chattr S"}, lost)
}

func TestCapabilitiesAreSetLast(t *testing.T) {
	set := map[string][]byte{"system.posix_acl_access": nil, capability: nil, "user.z": nil}
	require.Equal(t, []string{"system.posix_acl_access", "user.z", capability}, sorted(set))
}

// Only attributes that decide about rights are verified.
func TestUserAttributesAreNotVerified(t *testing.T) {
	dst, _, _ := pair(t)
	require.ErrorIs(t, verify(dst, map[string][]byte{capability: {1}}), ErrLost)
	require.NoError(t, verify(dst, map[string][]byte{"user.note": {1}}))
}
