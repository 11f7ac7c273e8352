// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// run runs a command, and skips the test if the machine cannot.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Skipf("NOT PROVEN: %s: %v: %s", name, err, out)
	}
	return strings.TrimSpace(string(out))
}

// fuse mounts a FUSE file system at a new directory below dir, with the command given:
// %at is where, %a and %b are two directories of a real one.
func fuse(command ...string) func(t *testing.T, dir string) string {
	return func(t *testing.T, dir string) string {
		at := filepath.Join(dir, "at")
		for _, name := range []string{"at", "a", "b"} {
			require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
		}
		names := strings.NewReplacer("%at", at, "%a", filepath.Join(dir, "a"), "%b", filepath.Join(dir, "b"))
		args := make([]string, len(command))
		for i := range command {
			args[i] = names.Replace(command[i])
		}
		run(t, args[0], args[1:]...)
		t.Cleanup(func() { require.NoError(t, unix.Unmount(at, unix.MNT_DETACH)) })
		return at
	}
}

// loop mounts an image that mkfs made with the command that follows.
func loop(mkfs string, mounter ...string) func(t *testing.T, dir string) string {
	return func(t *testing.T, dir string) string {
		image := filepath.Join(dir, "image")
		require.NoError(t, os.WriteFile(image, nil, 0o600))
		require.NoError(t, os.Truncate(image, 64<<20))
		format := append(strings.Fields(mkfs), image)
		run(t, format[0], format[1:]...)
		device := run(t, "losetup", "--find", "--show", image)
		t.Cleanup(func() { _ = exec.Command("losetup", "-d", device).Run() })
		at := filepath.Join(dir, "at")
		require.NoError(t, os.Mkdir(at, 0o755))
		run(t, mounter[0], append(mounter[1:], device, at)...)
		t.Cleanup(func() { require.NoError(t, unix.Unmount(at, unix.MNT_DETACH)) })
		return at
	}
}

// mounts are the file systems on which a whole update is tried.
var mounts = map[string]struct {
	make   func(t *testing.T, dir string) string
	shared bool // every user may write everywhere
}{
	"tmpfs": {make: func(t *testing.T, dir string) string { return mount(t, "tmpfs", dir, "tmpfs", 0, "mode=755") }},
	"bind": {make: func(t *testing.T, dir string) string {
		at := filepath.Join(dir, "at")
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "below"), 0o755))
		require.NoError(t, os.Mkdir(at, 0o755))
		return mount(t, filepath.Join(dir, "below"), at, "", unix.MS_BIND, "")
	}},
	"overlay": {make: func(t *testing.T, dir string) string {
		mount(t, "tmpfs", dir, "tmpfs", 0, "mode=755") // an overlay cannot be a layer
		for _, name := range []string{"lower", "upper", "work", "at"} {
			require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
		}
		data := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", dir)
		return mount(t, "overlay", filepath.Join(dir, "at"), "overlay", 0, data)
	}},
	"bindfs":                       {make: fuse("bindfs", "%a", "%at")},
	"bindfs without links":         {make: fuse("bindfs", "--hide-hard-links", "%a", "%at")},
	"B1 mergerfs":                  {make: fuse("mergerfs", "%a:%b", "%at")},
	"B1 mergerfs numbering paths":  {make: fuse("mergerfs", "-o", "inodecalc=path-hash", "%a:%b", "%at")},
	"B1 unionfs-fuse":              {make: fuse("unionfs-fuse", "-o", "cow,allow_other", "%a=RW:%b=RO", "%at")},
	"A5 exFAT of FUSE":             {make: loop("mkfs.exfat", "mount.exfat-fuse", "-o", "umask=022")},
	"A5 exFAT of a user":           {make: loop("mkfs.exfat", "mount.exfat-fuse", "-o", "umask=022,uid=1234,gid=1234")},
	"A5 exFAT for a trusted group": {make: loop("mkfs.exfat", "mount.exfat-fuse", "-o", "umask=002")},
	"A5 NTFS of FUSE":              {make: loop("mkfs.ntfs -F -Q", "ntfs-3g", "-o", "umask=022")},
	"A5 NTFS of FUSE for all":      {make: loop("mkfs.ntfs -F -Q", "ntfs-3g"), shared: true},
	"A5 exFAT of FUSE for all":     {make: loop("mkfs.exfat", "mount.exfat-fuse", "-o", "umask=000"), shared: true},
}

// A whole life of a program on each file system: two updates, one of them rolled back,
// a probation that is confirmed and one that fails.
func TestUpdatesOnRealMounts(t *testing.T) {
	needRoot(t)
	for name, m := range mounts {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "install-test-") // other users can enter it
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
			require.NoError(t, os.Chmod(dir, 0o755))
			target := filepath.Join(m.make(t, dir), "tool")
			require.NoError(t, os.WriteFile(target, oldBytes, 0o755))
			if m.shared {
				_, err := Begin(t.Context(), target, Options{})
				require.ErrorIs(t, err, ErrUnsafeDirectory)
				require.ErrorContains(t, err, "InsecureSharedDirectory()")
				require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
			}
			live(t, target, Options{Shared: m.shared})
			if m.shared { // all files are root's, and every user may update
				require.NoError(t, os.WriteFile(target, oldBytes, 0o755))
				as(t, alice, func() { live(t, target, Options{Shared: true}) })
			}
		})
	}
}

func live(t *testing.T, target string, opts Options) {
	t.Helper()
	install := func(content []byte, p Plan) {
		t.Helper()
		s, err := Begin(t.Context(), target, opts)
		require.NoError(t, err)
		_, err = s.Commit(stage(t, s, content), p)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		requireFile(t, target, content)
	}
	start := func(want Recovery) {
		t.Helper()
		r, err := Recover(t.Context(), target, opts)
		require.NoError(t, err)
		require.Equal(t, want, r)
	}
	install(newBytes, Plan{Version: "2", Check: func() error { return nil }})
	requireFile(t, target+".backup", oldBytes)
	s, err := Begin(t.Context(), target, opts)
	require.NoError(t, err)
	require.NoError(t, s.Rollback())
	require.NoError(t, s.Close())
	requireFile(t, target, oldBytes)

	install(newBytes, Plan{Version: "2", Probation: 1})
	start(Recovery{Starts: 1, Limit: 1})
	require.NoError(t, Confirm(t.Context(), target, opts))
	start(Recovery{})

	bad := []byte("bad")
	install(bad, Plan{Version: "3", Probation: 1})
	s, err = Begin(t.Context(), target, opts)
	require.NoError(t, err)
	_, err = s.Commit(stage(t, s, oldBytes), Plan{Version: "4", Check: func() error { return fs.ErrInvalid }})
	require.ErrorIs(t, err, ErrHealth)
	require.NotErrorAs(t, err, new(*RollbackFailure))
	require.NoError(t, s.Close())
	requireFile(t, target, bad)
	requireFile(t, target+".backup", newBytes)
	start(Recovery{Starts: 1, Limit: 1})
	start(Recovery{Starts: 2, Limit: 1, Failed: "3", Restored: true})
	requireFile(t, target, newBytes)
	require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
}

// A file system that forgets the nanoseconds of a file's time when it is renamed. It is
// injected: no file system at hand does that.
func TestB2_TimeRoundedAtRename(t *testing.T) {
	for name, check := range map[string]error{"passes": nil, "health check fails": fs.ErrInvalid} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			f := &faulty{after: func(op, name string) error {
				if op != "rename" {
					return nil
				}
				path := filepath.Join(filepath.Dir(target), name)
				info, err := os.Lstat(path)
				require.NoError(t, err)
				at := info.ModTime().Truncate(2 * 1e9)
				return os.Chtimes(path, at, at)
			}}
			for range 2 {
				s, err := Begin(t.Context(), target, Options{open: f.open})
				require.NoError(t, err)
				_, err = s.Commit(stage(t, s, newBytes), Plan{Check: func() error { return check }})
				require.ErrorIs(t, err, check)
				require.NotErrorAs(t, err, new(*RollbackFailure))
				require.NoError(t, s.Close())
			}
			if check != nil {
				requireFile(t, target, oldBytes)
				return
			}
			requireFile(t, target, newBytes)
			require.NoError(t, rollback(t.Context(), target, f.open))
			requireFile(t, target, newBytes)
		})
	}
}

// On such a file system a version on probation is known by its content: its backup is
// not replaced by it.
func TestB2_ProbationIsKnownByContent(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	_, err = s.Commit(stage(t, s, newBytes), Plan{Probation: 3})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, os.Chtimes(target, s.old.ModTime(), s.old.ModTime().Truncate(2*1e9)))
	update(t, target, []byte("third"))
	requireFile(t, target+".backup", oldBytes)
}

// A directory is mounted read-only after an update, as ProtectSystem=strict does. A start
// is an error only if there is something to do.
func TestA6_ReadOnlyMount(t *testing.T) {
	needRoot(t)
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, target string)
		want    error
	}{
		"finished": {func(*testing.T, string) {}, nil},
		"leftovers": {func(t *testing.T, target string) {
			for _, name := range []string{lockFile, "stage-ABCDEFGHIJKLMNOPQRSTUVWXYZ"} {
				require.NoError(t, os.WriteFile(filepath.Join(WorkDir(target), name), nil, 0o600))
			}
		}, nil},
		"too open": {func(t *testing.T, target string) { require.NoError(t, os.Chmod(WorkDir(target), 0o755)) }, nil},
		"empty": {func(t *testing.T, target string) {
			require.NoError(t, os.Remove(filepath.Join(WorkDir(target), journalFile)))
		}, nil},
		"none":                {func(t *testing.T, target string) { require.NoError(t, os.RemoveAll(WorkDir(target))) }, nil},
		"probation":           {func(t *testing.T, target string) { require.NoError(t, updateAs(t, root, target, []byte("third"))) }, syscall.EROFS},
		"a foreign directory": {func(t *testing.T, target string) { require.NoError(t, os.Chown(WorkDir(target), bob, bob)) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			update(t, target, newBytes)
			tc.prepare(t, target)
			dir := filepath.Dir(target)
			before := snapshot(t, dir)
			mount(t, dir, dir, "", unix.MS_BIND, "")
			require.NoError(t, unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
			_, err := Recover(t.Context(), target, Options{})
			require.ErrorIs(t, err, tc.want)
			if tc.want == nil {
				require.NoError(t, err)
			}
			require.NoError(t, Confirm(t.Context(), target, Options{}), "Recover has reported it")
			_, err = Begin(t.Context(), target, Options{})
			require.ErrorIs(t, err, syscall.EROFS)
			require.Equal(t, before, snapshot(t, dir))
		})
	}
}

// A file system that renumbers the target, and on which no rename over it works: the old
// file is in place, so nothing is reported as broken.
func TestB2_NoRollbackFailureWhileTheOldFileIsInPlace(t *testing.T) {
	target := newTarget(t)
	f := &faulty{before: func(op, name string) error {
		if op != "rename" || name != "tool" {
			return nil
		}
		require.NoError(t, os.Rename(target, target+"-away")) // removed, its number could be used again
		require.NoError(t, os.WriteFile(target, oldBytes, 0o755))
		return errFault
	}}
	err := f.run(target, false)
	require.ErrorIs(t, err, errFault)
	require.NotErrorAs(t, err, new(*RollbackFailure))
	requireFile(t, target, oldBytes)
	require.ElementsMatch(t, []string{"tool", "tool-away"}, names(t, filepath.Dir(target)))
}

// A container image was made by root, and its program given to a user. Overlayfs cannot
// rename the work directory away.
func TestA11_DirectoryOfAnImage(t *testing.T) {
	needRoot(t)
	dir, err := os.MkdirTemp("", "install-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	mount(t, "tmpfs", dir, "tmpfs", 0, "mode=755")
	for _, name := range []string{"lower", "upper", "work", "at"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	bin := filepath.Join(dir, "lower", "bin")
	require.NoError(t, os.Mkdir(bin, 0o755))
	program(t, filepath.Join(bin, "tool"), root, root, 0o755)
	require.NoError(t, updateAs(t, root, filepath.Join(bin, "tool"), newBytes))
	for _, name := range []string{"", "tool", "tool.backup"} { // chown app /bin /bin/*
		require.NoError(t, os.Chown(filepath.Join(bin, name), alice, alice))
	}
	at := mount(t, "overlay", filepath.Join(dir, "at"), "overlay", 0,
		fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work,redirect_dir=off", dir))
	target := filepath.Join(at, "bin", "tool")
	err = updateAs(t, alice, target, []byte("third"))
	require.ErrorIs(t, err, ErrUnsafeDirectory)
	require.ErrorContains(t, err, "chown -R")

	require.NoError(t, filepath.WalkDir(WorkDir(target), func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, alice, alice))
	}))
	require.NoError(t, updateAs(t, alice, target, []byte("third")), "the advice can be followed")
}
