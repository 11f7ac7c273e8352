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
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

func TestTargetBehindSymlink(t *testing.T) {
	target := newTarget(t)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(target, link))
	backup := update(t, link, newBytes)
	require.Equal(t, target+".backup", backup)
	requireFile(t, target, newBytes)
	to, err := os.Readlink(link)
	require.NoError(t, err)
	require.Equal(t, target, to)
	require.Equal(t, []string{"link"}, names(t, filepath.Dir(link)))
	require.NoError(t, Rollback(context.Background(), link))
	requireFile(t, target, oldBytes)
}

func TestModeIsKept(t *testing.T) {
	for _, mode := range []fs.FileMode{
		0o755, 0o750, 0o700, 0o555, 0o775,
		0o755 | fs.ModeSetuid, 0o755 | fs.ModeSetgid,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			target := newTarget(t)
			require.NoError(t, os.Chmod(target, mode))
			update(t, target, newBytes)
			for _, path := range []string{target, target + ".backup"} {
				info, err := os.Lstat(path)
				require.NoError(t, err)
				require.Equal(t, mode, info.Mode())
			}
			require.NoError(t, Rollback(context.Background(), target))
			info, err := os.Lstat(target)
			require.NoError(t, err)
			require.Equal(t, mode, info.Mode())
		})
	}
}

// Until Commit the staged file is not executable, whatever mode the caller gave it.
func TestStagedFileIsNotExecutable(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(context.Background(), target, Options{})
	require.NoError(t, err)
	defer s.Close()
	info, err := os.Lstat(s.WorkDir())
	require.NoError(t, err)
	require.Equal(t, fs.ModeDir|0o700, info.Mode())
	path, err := s.StagePath()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, newBytes, 0o755))
	_, err = s.Seal(path, sum(oldBytes), AnySize)
	require.ErrorIs(t, err, ErrHash)
	for _, hash := range []string{sum(oldBytes), sum(newBytes)} {
		require.NoError(t, os.Chmod(path, 0o4755))
		_, _ = s.Seal(path, hash, AnySize)
		info, err = os.Lstat(path)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode())
	}
}

// planted is what an attacker may create at a name.
var planted = map[string]func(t *testing.T, path, victim string) error{
	"symlink":          func(_ *testing.T, path, victim string) error { return os.Symlink(victim, path) },
	"dangling symlink": func(_ *testing.T, path, victim string) error { return os.Symlink(victim+".absent", path) },
	"hard link":        func(_ *testing.T, path, victim string) error { return os.Link(victim, path) },
	"directory":        func(_ *testing.T, path, _ string) error { return os.Mkdir(path, 0o755) },
	"fifo":             func(_ *testing.T, path, _ string) error { return syscall.Mkfifo(path, 0o666) },
}

func newVictim(t *testing.T) string {
	t.Helper()
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("victim"), 0o644))
	return victim
}

func TestPlantedAtBackup(t *testing.T) {
	for name, plant := range planted {
		t.Run(name, func(t *testing.T) {
			target, victim := newTarget(t), newVictim(t)
			require.NoError(t, plant(t, target+".backup", victim))
			dir := filepath.Dir(target)
			before := snapshot(t, dir)

			require.ErrorIs(t, Rollback(context.Background(), target), ErrNoBackup)
			require.Equal(t, before, snapshot(t, dir))

			s, err := Begin(context.Background(), target, Options{})
			require.NoError(t, err)
			_, err = s.Commit(stage(t, s, newBytes), Plan{})
			require.NoError(t, s.Close())
			if name == "directory" {
				require.ErrorContains(t, err, "is a directory")
				require.Equal(t, before, snapshot(t, dir))
				return
			}
			require.NoError(t, err)
			requireFile(t, target, newBytes)
			requireFile(t, target+".backup", oldBytes)
			info, err := os.Lstat(target + ".backup")
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o755), info.Mode(), "replaced, not written to")
			requireFile(t, victim, []byte("victim"))
			require.NoFileExists(t, victim+".absent")
		})
	}
}

// If the swap fails, the file that was planted at the backup's name is restored.
func TestPlantedAtBackupRestored(t *testing.T) {
	for name, plant := range planted {
		t.Run(name, func(t *testing.T) {
			target, victim := newTarget(t), newVictim(t)
			require.NoError(t, plant(t, target+".backup", victim))
			before := snapshot(t, filepath.Dir(target))
			f := &faulty{before: func(op, name string) error {
				if op == "rename" && name == "tool" {
					return errFault
				}
				return nil
			}}
			require.Error(t, f.run(target, false))
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

func TestPlantedAtWorkDir(t *testing.T) {
	cases := map[string]func(t *testing.T, path string) error{
		"file":               func(_ *testing.T, p string) error { return os.WriteFile(p, nil, 0o700) },
		"fifo":               func(_ *testing.T, p string) error { return syscall.Mkfifo(p, 0o700) },
		"dangling symlink":   func(_ *testing.T, p string) error { return os.Symlink("absent", p) },
		"symlink out":        func(t *testing.T, p string) error { return os.Symlink(t.TempDir(), p) },
		"symlink in":         func(_ *testing.T, p string) error { return os.Symlink("private", p) },
		"group can write":    func(_ *testing.T, p string) error { return errors.Join(os.Mkdir(p, 0o700), os.Chmod(p, 0o720)) },
		"everyone can write": func(_ *testing.T, p string) error { return errors.Join(os.Mkdir(p, 0o700), os.Chmod(p, 0o702)) },
	}
	for name, plant := range cases {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			require.NoError(t, os.Mkdir(filepath.Join(filepath.Dir(target), "private"), 0o700))
			require.NoError(t, plant(t, WorkDir(target)))
			before := snapshot(t, filepath.Dir(target))
			_, err := Begin(context.Background(), target, Options{})
			require.ErrorIs(t, err, ErrUnsafeDirectory)
			require.ErrorContains(t, err, "remove it")
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

func TestPlantedAtLock(t *testing.T) {
	for name, plant := range planted {
		if name == "hard link" {
			continue // see store.TestAcquirePlantedHardLink
		}
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			require.NoError(t, os.Mkdir(WorkDir(target), 0o700))
			require.NoError(t, plant(t, filepath.Join(WorkDir(target), "lock"), newVictim(t)))
			before := snapshot(t, filepath.Dir(target))
			_, err := Begin(context.Background(), target, Options{})
			require.ErrorIs(t, err, ErrUnsafeDirectory)
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

// A Downloader, or another process, left something else than a new file at the stage
// path.
func TestPlantedAtStagePath(t *testing.T) {
	for name, plant := range planted {
		t.Run(name, func(t *testing.T) {
			target, victim := newTarget(t), newVictim(t)
			before := snapshot(t, filepath.Dir(target))
			s, err := Begin(context.Background(), target, Options{})
			require.NoError(t, err)
			path, err := s.StagePath()
			require.NoError(t, err)
			require.NoError(t, plant(t, path, victim))
			_, err = s.Seal(path, sum([]byte("victim")), AnySize)
			require.Error(t, err)
			if name == "hard link" {
				require.ErrorIs(t, err, ErrChanged)
			} else {
				require.ErrorIs(t, err, store.ErrNotRegular)
			}
			require.NoError(t, s.Close())
			info, err := os.Lstat(victim)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o644), info.Mode())
			if name == "directory" {
				require.NoError(t, os.Remove(path), "a directory is never removed")
				require.NoError(t, os.Remove(WorkDir(target)))
			}
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

// A symlink is put at the stage path between Lstat and OpenFile. os.Root follows it if
// it stays in the work directory.
func TestSealSymlinkBeforeOpen(t *testing.T) {
	target := newTarget(t)
	f := &faulty{}
	s, err := Begin(context.Background(), target, Options{open: f.open})
	require.NoError(t, err)
	defer s.Close()
	path, err := s.StagePath()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, newBytes, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(s.WorkDir(), "other"), newBytes, 0o600))
	f.before = func(op, name string) error {
		if op == "open" && strings.Contains(name, "stage-") {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Symlink("other", path))
		}
		return nil
	}
	_, err = s.Seal(path, sum(newBytes), AnySize)
	require.ErrorIs(t, err, ErrChanged)
	require.NoError(t, os.Remove(filepath.Join(s.WorkDir(), "other")))
}

func TestUnsafeDirectory(t *testing.T) {
	for mode, want := range map[fs.FileMode]error{
		0o777: ErrUnsafeDirectory, 0o757: ErrUnsafeDirectory, 0o703: ErrUnsafeDirectory,
		0o777 | fs.ModeSticky: nil, 0o775: nil, 0o755: nil,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			target := newTarget(t)
			require.NoError(t, os.Chmod(filepath.Dir(target), mode))
			before := snapshot(t, filepath.Dir(target))
			s, err := Begin(context.Background(), target, Options{})
			require.ErrorIs(t, err, want)
			if err == nil {
				require.NoError(t, s.Close())
			}
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

// The directory is replaced during the update, which stays in the one that it opened.
func TestDirectoryReplacedDuringUpdate(t *testing.T) {
	target := newTarget(t)
	dir := filepath.Dir(target)
	s, err := Begin(context.Background(), target, Options{})
	require.NoError(t, err)
	st := stage(t, s, newBytes)
	victims := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(victims, "tool"), []byte("victim"), 0o755))
	require.NoError(t, os.Rename(dir, dir+"-away"))
	require.NoError(t, os.Symlink(victims, dir))
	_, err = s.Commit(st, Plan{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	requireFile(t, filepath.Join(victims, "tool"), []byte("victim"))
	require.Equal(t, []string{"tool"}, names(t, victims))
	requireFile(t, filepath.Join(dir+"-away", "tool"), newBytes)
}

func TestNameTooLong(t *testing.T) {
	target := filepath.Join(t.TempDir(), strings.Repeat("x", 250))
	require.NoError(t, os.WriteFile(target, oldBytes, 0o755))
	_, err := Begin(context.Background(), target, Options{})
	require.ErrorIs(t, err, syscall.ENAMETOOLONG)
	require.Len(t, names(t, filepath.Dir(target)), 1)
}

// A user who can replace a directory above that of the target can replace the files that
// are opened by path.
func TestUnsafeDirectoryAbove(t *testing.T) {
	for mode, want := range map[os.FileMode]error{0o777: ErrUnsafeDirectory, 0o777 | os.ModeSticky: nil} {
		t.Run(mode.String(), func(t *testing.T) {
			open := filepath.Join(t.TempDir(), "open")
			dir := filepath.Join(open, "dir")
			require.NoError(t, os.MkdirAll(dir, 0o755))
			target := filepath.Join(dir, "tool")
			require.NoError(t, os.WriteFile(target, oldBytes, 0o755))
			require.NoError(t, os.Chmod(open, mode))
			s, err := Begin(context.Background(), target, Options{})
			require.ErrorIs(t, err, want)
			if want == nil {
				require.NoError(t, s.Close())
			}
			require.Equal(t, []string{"tool"}, names(t, dir))
		})
	}
}
