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
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// replacements are what may be done to the staged file after it was hashed.
var replacements = map[string]func(t *testing.T, path, target string){
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
		// The time of the file must change, and its resolution may be 10 ms.
		time.Sleep(20 * time.Millisecond)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteString("evil")
		require.NoError(t, err)
		require.NoError(t, f.Close())
	},
	"mode changed": func(t *testing.T, path, _ string) { require.NoError(t, os.Chmod(path, 0o777)) },
}

// The staged file is replaced between the last check and the rename. Then the old file
// is restored.
func TestStagedFileReplacedBeforeRename(t *testing.T) {
	for name, replace := range replacements {
		for _, variant := range []string{"first update", "with an older backup", "renamed aside"} {
			t.Run(name+"/"+variant, func(t *testing.T) {
				target, v := newTarget(t), variants[variant]
				if v.prepare != nil {
					v.prepare(t, target)
				}
				before := snapshot(t, filepath.Dir(target))
				staged, done := "", false
				f := &faulty{}
				f.before = func(op, name string) error {
					if op == "rename" && name == "tool" && !done {
						done = true
						staged = stagedFile(t, target)
						old := target
						if v.aside {
							old = target + ".backup"
						}
						replace(t, staged, old)
					}
					return nil
				}
				err := f.run(target, v.aside)
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

// The staged file is replaced between Seal and Commit. Then the target is never renamed.
func TestStagedFileReplacedBeforeCommit(t *testing.T) {
	for name, replace := range replacements {
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
			s, err := begin(context.Background(), target, Options{}, f.open)
			require.NoError(t, err)
			st := stage(t, s, newBytes)
			path := stagedFile(t, target)
			replace(t, path, target)
			_, err = s.Commit(st, Plan{})
			require.ErrorIs(t, err, ErrChanged)
			require.False(t, renamed)
			require.NoError(t, s.Close())
			os.Remove(path + "-away")
			os.Remove(WorkDir(target))
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

// On Windows the staged file is closed while it is tried, and may be replaced then.
func TestStagedFileReplacedWhileItIsTried(t *testing.T) {
	for name, exchanged := range map[string]bool{"not replaced": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			s, err := Begin(t.Context(), newTarget(t), Options{})
			require.NoError(t, err)
			s.renameAside = true
			failure := errors.New("it does not start")
			err = s.Try(stage(t, s, newBytes), func(path string) error {
				info, err := os.Lstat(path)
				require.NoError(t, err)
				require.Equal(t, fs.FileMode(0o700), info.Mode())
				if exchanged {
					require.NoError(t, os.Remove(path))
					require.NoError(t, os.WriteFile(path, newBytes, 0o700))
				}
				return failure
			})
			require.ErrorIs(t, err, failure)
			require.Equal(t, exchanged, errors.Is(err, ErrChanged))
			require.NoError(t, s.Close())
		})
	}
}

// A package manager replaces the target during the update. Its file stays.
func TestTargetReplacedDuringUpdate(t *testing.T) {
	theirs := []byte("from the package manager")
	replace := func(t *testing.T, target string) {
		require.NoError(t, os.WriteFile(target+"-new", theirs, 0o755))
		require.NoError(t, os.Rename(target+"-new", target))
	}
	for name, late := range map[string]bool{"before Commit": false, "after the backup was made": true} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			f := &faulty{}
			s, err := begin(context.Background(), target, Options{}, f.open)
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
			_, err = s.Commit(st, Plan{})
			require.ErrorIs(t, err, ErrChanged)
			require.NoError(t, s.Close())
			requireFile(t, target, theirs)
			require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
		})
	}
}

// The target becomes a link to another file while its backup is made.
func TestTargetReplacedBeforeLink(t *testing.T) {
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

// replacedForOneCall replaces the target during one call of Lstat, and restores it
// before the next.
type replacedForOneCall struct {
	fsys
	dir   string
	armed bool
	at    int // the call that finds another file
	calls int
}

func (b *replacedForOneCall) Lstat(name string) (fs.FileInfo, error) {
	if name == "app" && b.armed {
		b.calls++
		at, aside := filepath.Join(b.dir, "app"), filepath.Join(b.dir, "A")
		switch b.calls {
		case b.at:
			_ = os.Rename(at, aside)
			_ = os.WriteFile(at, []byte("other"), 0o755)
		case b.at + 1:
			_ = os.Rename(aside, at)
		}
	}
	return b.fsys.Lstat(name)
}

// The first Lstat of Commit is for the attributes of the new file, the second for the
// backup.
func TestBackupIsOfTargetThatBeginFound(t *testing.T) {
	for at := 1; at <= 2; at++ {
		dir := t.TempDir()
		target := filepath.Join(dir, "app")
		require.NoError(t, os.WriteFile(target, []byte("current"), 0o755))
		replaced := &replacedForOneCall{dir: dir, at: at}
		s, err := begin(context.Background(), target, Options{}, func(d string) (_ fsys, err error) {
			replaced.fsys, err = openRoot(d)
			return replaced, err
		})
		require.NoError(t, err)
		st := stage(t, s, newBytes)
		replaced.armed = true
		_, err = s.Commit(st, Plan{})
		require.ErrorIs(t, err, ErrChanged)
		require.NoError(t, s.Close())
		require.NoFileExists(t, target+".backup")
	}
}
