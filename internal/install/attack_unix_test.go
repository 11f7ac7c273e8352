// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSymlinkedTarget(t *testing.T) {
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
	require.NoError(t, Rollback(link))
	requireFile(t, target, oldBytes)
}

func TestModeKept(t *testing.T) {
	for _, mode := range []fs.FileMode{
		0o755, 0o750, 0o700, 0o555, 0o775,
		0o755 | fs.ModeSetuid, 0o755 | fs.ModeSetgid, 0o711 | fs.ModeSticky,
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
			require.NoError(t, Rollback(target))
			info, err := os.Lstat(target)
			require.NoError(t, err)
			require.Equal(t, mode, info.Mode())
		})
	}
}

// Until Commit nobody can execute the staged file, whatever the caller made it.
func TestStagedIsNotExecutable(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(target)
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

// plants are what an attacker leaves at a name.
var plants = map[string]func(t *testing.T, path, victim string) error{
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
	for name, plant := range plants {
		t.Run(name, func(t *testing.T) {
			target, victim := newTarget(t), newVictim(t)
			require.NoError(t, plant(t, target+".backup", victim))
			dir := filepath.Dir(target)
			before := snapshot(t, dir)

			require.ErrorIs(t, Rollback(target), ErrNoBackup)
			require.Equal(t, before, snapshot(t, dir))

			s, err := Begin(target)
			require.NoError(t, err)
			_, err = s.Commit(stage(t, s, newBytes))
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
			require.Equal(t, fs.FileMode(0o755), info.Mode(), "replaced, not written through")
			requireFile(t, victim, []byte("victim"))
			require.NoFileExists(t, victim+".absent")
		})
	}
}

// What was planted at the backup's name is back when the swap fails.
func TestPlantedAtBackupRestored(t *testing.T) {
	for name, plant := range plants {
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
		"group can enter":    func(_ *testing.T, p string) error { return os.Mkdir(p, 0o710) },
		"everyone can enter": func(_ *testing.T, p string) error { return os.Mkdir(p, 0o701) },
	}
	for name, plant := range cases {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			require.NoError(t, os.Mkdir(filepath.Join(filepath.Dir(target), "private"), 0o700))
			require.NoError(t, plant(t, WorkDir(target)))
			before := snapshot(t, filepath.Dir(target))
			_, err := Begin(target)
			require.ErrorIs(t, err, ErrUnsafeDirectory)
			require.ErrorContains(t, err, "remove it")
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

func TestPlantedAtLock(t *testing.T) {
	for name, plant := range plants {
		if name == "hard link" {
			continue // nothing is ever written to the lock
		}
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			require.NoError(t, os.Mkdir(WorkDir(target), 0o700))
			require.NoError(t, plant(t, filepath.Join(WorkDir(target), "lock"), newVictim(t)))
			before := snapshot(t, filepath.Dir(target))
			_, err := Begin(target)
			require.ErrorIs(t, err, ErrUnsafeDirectory)
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

// What a Downloader left at the stage path is not a file of its own.
func TestPlantedAtStagePath(t *testing.T) {
	for name, plant := range plants {
		t.Run(name, func(t *testing.T) {
			target, victim := newTarget(t), newVictim(t)
			before := snapshot(t, filepath.Dir(target))
			s, err := Begin(target)
			require.NoError(t, err)
			path, err := s.StagePath()
			require.NoError(t, err)
			require.NoError(t, plant(t, path, victim))
			_, err = s.Seal(path, sum([]byte("victim")), AnySize)
			require.Error(t, err)
			if name == "hard link" {
				require.ErrorIs(t, err, ErrChanged)
			} else {
				require.ErrorIs(t, err, errNotRegular)
			}
			require.NoError(t, s.Close())
			info, err := os.Lstat(victim)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o644), info.Mode())
			if name == "directory" {
				require.NoError(t, os.Remove(path), "not ours to remove")
				require.NoError(t, os.Remove(WorkDir(target)))
			}
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

// A symlink put at the stage path between the look and the opening: Root
// follows it, and a name in the work directory would be good enough for it.
func TestSealSymlinkAfterLook(t *testing.T) {
	target := newTarget(t)
	f := &faulty{}
	s, err := begin(target, f.open)
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

// exchanges are what may happen to the staged file after it was hashed.
var exchanges = map[string]func(t *testing.T, path, target string){
	"another file": func(t *testing.T, path, _ string) {
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.WriteFile(path, []byte("evil"), 0o755))
	},
	"renamed over": func(t *testing.T, path, _ string) {
		evil := path + "-evil"
		require.NoError(t, os.WriteFile(evil, newBytes, 0o755))
		require.NoError(t, os.Rename(evil, path))
	},
	"symlink": func(t *testing.T, path, _ string) {
		require.NoError(t, os.Rename(path, path+"-away"))
		require.NoError(t, os.Symlink(path+"-away", path))
		t.Cleanup(func() { os.Remove(path + "-away") })
	},
	"link to the target": func(t *testing.T, path, target string) {
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.Link(target, path))
	},
	"written to": func(t *testing.T, path, _ string) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		require.NoError(t, err)
		_, err = f.WriteString("evil")
		require.NoError(t, err)
		require.NoError(t, f.Close())
	},
	"written to, time set back": func(t *testing.T, path, _ string) {
		info, err := os.Lstat(path)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(path, info.Size()+1))
		require.NoError(t, os.Chtimes(path, time.Time{}, info.ModTime()))
	},
	"written over": func(t *testing.T, path, _ string) {
		// Only in time for a test; the clock of the file has ticks.
		time.Sleep(20 * time.Millisecond)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteString("evil")
		require.NoError(t, err)
		require.NoError(t, f.Close())
	},
	"mode changed": func(t *testing.T, path, _ string) { require.NoError(t, os.Chmod(path, 0o777)) },
}

// The staged file is exchanged between the last look and the rename: whatever
// came to the target's name is replaced by the old file again.
func TestExchangedBeforeRename(t *testing.T) {
	for name, exchange := range exchanges {
		for _, way := range []string{"first update", "with an older backup", "renamed aside"} {
			t.Run(name+"/"+way, func(t *testing.T) {
				target, w := newTarget(t), ways[way]
				if w.prepare != nil {
					w.prepare(t, target)
				}
				before := snapshot(t, filepath.Dir(target))
				staged, done := "", false
				f := &faulty{}
				f.before = func(op, name string) error {
					if op == "rename" && name == "tool" && !done {
						done = true
						staged = stagedFile(t, target)
						old := target
						if w.aside {
							old = target + ".backup"
						}
						exchange(t, staged, old)
					}
					return nil
				}
				err := f.run(target, w.aside)
				require.ErrorIs(t, err, ErrChanged)
				require.NotErrorAs(t, err, new(*RollbackFailure))
				require.True(t, done)
				os.Remove(staged + "-away")
				os.Remove(WorkDir(target))
				require.Equal(t, before, snapshot(t, filepath.Dir(target)))
			})
		}
	}
}

func stagedFile(t *testing.T, target string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(WorkDir(target), "stage-*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

// The same between Seal and Commit, where the look before the rename sees it,
// so that the target is never touched.
func TestExchangedBeforeCommit(t *testing.T) {
	for name, exchange := range exchanges {
		if name == "mode changed" {
			continue // Commit sets the mode
		}
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			before := snapshot(t, filepath.Dir(target))
			renamed := false
			f := &faulty{before: func(op, name string) error {
				renamed = renamed || op == "rename" && name == "tool"
				return nil
			}}
			s, err := begin(target, f.open)
			require.NoError(t, err)
			st := stage(t, s, newBytes)
			path := stagedFile(t, target)
			exchange(t, path, target)
			_, err = s.Commit(st)
			require.ErrorIs(t, err, ErrChanged)
			require.False(t, renamed)
			require.NoError(t, s.Close())
			os.Remove(path + "-away")
			os.Remove(WorkDir(target))
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

// A package manager that was faster is not undone by us.
func TestTargetExchanged(t *testing.T) {
	theirs := []byte("from the package manager")
	replace := func(t *testing.T, target string) {
		require.NoError(t, os.WriteFile(target+"-new", theirs, 0o755))
		require.NoError(t, os.Rename(target+"-new", target))
	}
	for name, late := range map[string]bool{"before Commit": false, "after the backup was made": true} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			f := &faulty{}
			s, err := begin(target, f.open)
			require.NoError(t, err)
			st := stage(t, s, newBytes)
			if !late {
				replace(t, target)
			} else {
				f.after = func(op, name string) error {
					if op == "rename" && name == "tool.backup" {
						f.after = nil
						replace(t, target)
					}
					return nil
				}
			}
			_, err = s.Commit(st)
			require.ErrorIs(t, err, ErrChanged)
			require.NoError(t, s.Close())
			requireFile(t, target, theirs)
			require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
		})
	}
}

// The target becomes a link to a secret while its backup is made.
func TestLinkedFileExchanged(t *testing.T) {
	target, victim := newTarget(t), newVictim(t)
	f := &faulty{before: func(op, name string) error {
		if op == "link" {
			require.NoError(t, os.Remove(target))
			require.NoError(t, os.Link(victim, target))
		}
		return nil
	}}
	require.ErrorIs(t, f.run(target, false), ErrChanged)
	require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
}

func TestRollbackFailure(t *testing.T) {
	target := newTarget(t)
	broken := errors.New("no way back")
	f := &faulty{}
	f.after = func(op, name string) error {
		if op != "rename" || name != "tool" {
			return nil
		}
		// The rename was done; only the way back is barred from here on.
		f.before = func(op, name string) error {
			if op == "rename" && name == "tool" {
				return broken
			}
			return nil
		}
		return errFault
	}
	err := f.run(target, false)
	var failure *RollbackFailure
	require.ErrorAs(t, err, &failure)
	require.ErrorIs(t, failure.Cause, syscall.EIO)
	require.ErrorIs(t, failure.Err, broken)
	require.ErrorIs(t, err, syscall.EIO)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, `"tool.backup"`, "a person can find the old file")
	requireFile(t, target+".backup", oldBytes)
}

// A file that took the backup's place is not put back as if it were the old one.
func TestRollbackFailureExchangedBackup(t *testing.T) {
	target := newTarget(t)
	f := &faulty{}
	f.after = func(op, name string) error {
		if op == "rename" && name == "tool" {
			require.NoError(t, os.Remove(target+".backup"))
			require.NoError(t, os.WriteFile(target+".backup", []byte("evil"), 0o755))
			return errFault
		}
		return nil
	}
	err := f.run(target, false)
	require.ErrorAs(t, err, new(*RollbackFailure))
	require.ErrorIs(t, err, ErrChanged)
	requireFile(t, target, newBytes)
}

func TestRollbackRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, target string)
		err     error
	}{
		"nothing there": {func(*testing.T, string) {}, ErrNoBackup},
		"empty file": {func(t *testing.T, target string) {
			require.NoError(t, os.WriteFile(target+".backup", nil, 0o755))
		}, ErrNoBackup},
		"the current file": {func(t *testing.T, target string) {
			require.NoError(t, os.Link(target, target+".backup"))
		}, ErrNoBackup},
		"file with a second name": {func(t *testing.T, target string) {
			require.NoError(t, os.WriteFile(target+".backup", newBytes, 0o755))
			require.NoError(t, os.Link(target+".backup", filepath.Join(t.TempDir(), "x")))
		}, ErrNoBackup},
		"usable": {func(t *testing.T, target string) {
			require.NoError(t, os.WriteFile(target+".backup", newBytes, 0o755))
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			tc.prepare(t, target)
			before := snapshot(t, filepath.Dir(target))
			err := Rollback(target)
			require.ErrorIs(t, err, tc.err)
			if tc.err != nil {
				require.Equal(t, before, snapshot(t, filepath.Dir(target)))
			}
		})
	}
}

// Who writes to the target by its second name must not reach the backup.
func TestBackupSharesNothing(t *testing.T) {
	target := newTarget(t)
	second := filepath.Join(t.TempDir(), "second")
	require.NoError(t, os.Link(target, second))
	update(t, target, newBytes)
	require.NoError(t, os.WriteFile(second, []byte("written in place"), 0o755))
	requireFile(t, target+".backup", oldBytes)
}

func TestNoHardLinks(t *testing.T) {
	target := newTarget(t)
	f := &faulty{before: func(op, _ string) error {
		if op == "link" {
			return syscall.EPERM
		}
		return nil
	}}
	require.NoError(t, f.run(target, false))
	requireFile(t, target, newBytes)
	requireFile(t, target+".backup", oldBytes)
	require.NoError(t, rollback(target, f.open))
	requireFile(t, target, oldBytes)
}

// Some file systems have no fsync for directories; one that fails is an error.
func TestDirectorySync(t *testing.T) {
	for name, tc := range map[string]struct {
		err, want error
	}{
		"cannot": {syscall.EINVAL, nil}, "not supported": {syscall.ENOTSUP, nil}, "failed": {syscall.EIO, syscall.EIO},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			dirSync := func(op, name string) error {
				if op == "sync" && filepath.Clean(name) == filepath.Dir(target) {
					return tc.err
				}
				return nil
			}
			require.ErrorIs(t, (&faulty{before: dirSync}).run(target, false), tc.want)
			if tc.want == nil {
				requireFile(t, target, newBytes)
			} else {
				requireFile(t, target, oldBytes)
				require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
			}
		})
	}
}

// An fsync that fails after the rename is no success: the old file is back.
func TestLastSyncFails(t *testing.T) {
	target := newTarget(t)
	before := snapshot(t, filepath.Dir(target))
	renamed, syncs := false, 0
	f := &faulty{
		after: func(op, name string) error { renamed = renamed || op == "rename" && name == "tool"; return nil },
		before: func(op, _ string) error {
			if op != "sync" || !renamed {
				return nil
			}
			if syncs++; syncs > 1 {
				requireFile(t, target, oldBytes)
				return nil
			}
			requireFile(t, target, newBytes)
			return errFault
		},
	}
	require.ErrorIs(t, f.run(target, false), syscall.EIO)
	require.Equal(t, 2, syncs, "the way back is forced out too")
	require.Equal(t, before, snapshot(t, filepath.Dir(target)))
}

// What must be forced out, and when: content before a name leads to it, names
// before success is reported.
func TestOrder(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, os.WriteFile(target+".backup", []byte("older"), 0o755))
	var order []string
	f := &faulty{after: func(op, name string) error {
		kind, _, _ := strings.Cut(filepath.Base(name), "-")
		switch op {
		case "chown", "chmod", "sync", "rename", "link":
			if filepath.Clean(name) == filepath.Dir(target) {
				kind = "directory"
			}
			order = append(order, op+" "+kind)
		}
		return nil
	}}
	require.NoError(t, f.run(target, false))
	require.Equal(t, []string{
		"chmod stage", "sync stage", // Seal
		"chmod stage", "sync stage",
		"link backup", "sync tool",
		"rename previous", "rename tool.backup", "sync directory",
		"rename tool", "sync directory",
	}, order)
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
			s, err := Begin(target)
			require.ErrorIs(t, err, want)
			if err == nil {
				require.NoError(t, s.Close())
			}
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

// The directory is exchanged while we work in it: we stay in the one we opened.
func TestParentExchanged(t *testing.T) {
	target := newTarget(t)
	dir := filepath.Dir(target)
	s, err := Begin(target)
	require.NoError(t, err)
	st := stage(t, s, newBytes)
	victims := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(victims, "tool"), []byte("victim"), 0o755))
	require.NoError(t, os.Rename(dir, dir+"-away"))
	require.NoError(t, os.Symlink(victims, dir))
	_, err = s.Commit(st)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	requireFile(t, filepath.Join(victims, "tool"), []byte("victim"))
	require.Equal(t, []string{"tool"}, names(t, victims))
	requireFile(t, filepath.Join(dir+"-away", "tool"), newBytes)
}

func TestNameTooLong(t *testing.T) {
	target := filepath.Join(t.TempDir(), strings.Repeat("x", 250))
	require.NoError(t, os.WriteFile(target, oldBytes, 0o755))
	_, err := Begin(target)
	require.ErrorIs(t, err, syscall.ENAMETOOLONG)
	require.Len(t, names(t, filepath.Dir(target)), 1)
}
