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
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/testing/sys"
	"github.com/choria-io/go-updater/internal/trial"
)

// Root's directory is moved, by the owner of the directory in which it lies, to the name
// of ours. So is one that root made for a program that was root's then.
func TestA11_DirectoryOfAnotherUser(t *testing.T) {
	for _, of := range []int{root, bob} {
		for _, runner := range []int{root, alice} {
			t.Run(fmt.Sprintf("of %d, found by %d", of, runner), func(t *testing.T) {
				target := newPlace(t, alice)
				moved := filepath.Join(filepath.Dir(target), "moved")
				require.NoError(t, os.Mkdir(moved, 0o700))
				for _, name := range []string{"secret", journalFile, lockFile, store.RandomName("stage"), "partial-" + sum(newBytes)} {
					require.NoError(t, os.WriteFile(filepath.Join(moved, name), []byte("12345\n"), 0o600))
					require.NoError(t, os.Chown(filepath.Join(moved, name), of, of))
				}
				require.NoError(t, os.Chown(moved, of, of))
				as(t, alice, func() { require.NoError(t, os.Rename(moved, WorkDir(target))) })
				before := snapshot(t, WorkDir(target))

				as(t, runner, func() { // a start leaves it where it is
					r, err := Recover(t.Context(), target, Options{})
					require.NoError(t, err)
					require.Zero(t, r)
				})
				require.Equal(t, before, snapshot(t, WorkDir(target)))

				require.NoError(t, updateAs(t, runner, target, newBytes))
				requireFile(t, target, newBytes)
				requireOwned(t, target, alice)
				requireAside(t, target, before)
			})
		}
	}
}

// An empty one is removed: it is what root leaves if it is stopped before it gives the
// directory to the owner.
func TestA11_EmptyDirectoryOfAnotherUser(t *testing.T) {
	for _, runner := range []int{root, alice} {
		target := newPlace(t, alice)
		require.NoError(t, os.Mkdir(WorkDir(target), 0o700))
		require.NoError(t, updateAs(t, runner, target, newBytes))
		aside, err := filepath.Glob(WorkDir(target) + ".aside-*")
		require.NoError(t, err)
		require.Empty(t, aside)
	}
}

// In a sticky directory only root can move it away.
func TestA11_StickyDirectory(t *testing.T) {
	target := newPlace(t, alice)
	require.NoError(t, os.Chown(filepath.Dir(target), root, root))
	require.NoError(t, os.Chmod(filepath.Dir(target), 0o777|fs.ModeSticky))
	as(t, bob, func() {
		require.NoError(t, os.Mkdir(WorkDir(target), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(WorkDir(target), "x"), nil, 0o600))
	})
	before := snapshot(t, filepath.Dir(target))
	err := updateAs(t, alice, target, newBytes)
	require.ErrorIs(t, err, ErrUnsafeDirectory)
	require.ErrorContains(t, err, "that user or root has to remove it")
	require.Equal(t, before, snapshot(t, filepath.Dir(target)))
	require.NoError(t, updateAs(t, root, target, newBytes))
	require.NoError(t, updateAs(t, alice, target, []byte("third")))
}

// The directory is exchanged by root's own while it is made for the owner.
func TestA11_ExchangedWhileItIsMade(t *testing.T) {
	target := newPlace(t, alice)
	victim := filepath.Join(filepath.Dir(target), "victim")
	require.NoError(t, os.Mkdir(victim, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(victim, "file"), nil, 0o600))
	before := snapshot(t, victim)
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		work := WorkDir(target)
		for {
			select {
			case <-end:
				return
			default:
				_ = os.Rename(work, work+"-away")
				_ = os.Rename(victim, work)
				time.Sleep(time.Microsecond)
				_ = os.Rename(work, victim)
				_ = os.RemoveAll(work + "-away")
			}
		}
	}()
	for began := time.Now(); time.Since(began) < time.Second; {
		_ = updateAs(t, root, target, newBytes)
	}
	close(end)
	<-done
	found := map[string]entry{}
	for _, e := range snapshot(t, filepath.Dir(target)) {
		found[fmt.Sprint(e.inode)] = e
	}
	for path, e := range before {
		require.Equal(t, e, found[fmt.Sprint(e.inode)], path)
	}
}

// The owner of the target links, or moves, a file of root's to a name that we use.
func TestA12_FileOfRootAtOurNames(t *testing.T) {
	hash := sum(newBytes)
	put := map[string]func(t *testing.T, victim, path string){
		"linked":        func(t *testing.T, victim, path string) { require.NoError(t, os.Link(victim, path)) },
		"moved":         func(t *testing.T, victim, path string) { require.NoError(t, os.Rename(victim, path)) },
		"symbolic link": func(t *testing.T, victim, path string) { require.NoError(t, os.Symlink(victim, path)) },
	}
	for _, name := range []string{
		journalFile, journalLock, startsFile, lockFile, "store.lock", "document", "partial-" + hash,
		store.RandomName("stage"), store.RandomName("previous"), store.RandomName("keep"), journalFile + "." + store.RandomName("write"),
	} {
		for how, put := range put {
			for _, content := range []string{"12345\n", "", strings.Repeat("x", minPartial)} {
				t.Run(fmt.Sprintf("%s %s %d", name, how, len(content)), func(t *testing.T) {
					target := newPlace(t, alice)
					work := WorkDir(target)
					require.NoError(t, os.Mkdir(work, 0o700))
					require.NoError(t, os.Chown(work, alice, alice))
					victim := filepath.Join(filepath.Dir(target), "victim")
					require.NoError(t, os.WriteFile(victim, []byte(content), 0o640))
					open, err := os.Open(victim)
					require.NoError(t, err)
					defer open.Close()
					put(t, victim, filepath.Join(work, name))

					err = updateAs(t, root, target, newBytes, func(s *Session, _ *Staged) error {
						p, err := s.Partial(hash)
						if err != nil {
							return err
						}
						_, err = p.Write([]byte("partial"))
						return errors.Join(err, p.End(true))
					})
					if how == "symbolic link" && (name == journalFile || name == lockFile) {
						require.Error(t, err, "refused")
						requireFile(t, target, oldBytes)
					} else {
						require.NoError(t, err)
						requireFile(t, target, newBytes)
					}
					got := make([]byte, len(content)+10)
					n, _ := open.ReadAt(got, 0)
					require.Equal(t, content, string(got[:n]))
					info, err := open.Stat()
					require.NoError(t, err)
					uid, gid := store.Owner(info)
					require.Equal(t, []any{root, root, fs.FileMode(0o640)}, []any{uid, gid, info.Mode()})
				})
			}
		}
	}
}

// A fifo at a name that we open does not stop us.
func TestA12_Fifo(t *testing.T) {
	for _, name := range []string{journalFile, lockFile, "partial-" + sum(newBytes)} {
		target := newPlace(t, alice)
		require.NoError(t, os.Mkdir(WorkDir(target), 0o700))
		require.NoError(t, os.Chown(WorkDir(target), alice, alice))
		require.NoError(t, syscall.Mkfifo(filepath.Join(WorkDir(target), name), 0o600))
		_ = updateAs(t, root, target, newBytes, func(s *Session, _ *Staged) error {
			p, err := s.Partial(sum(newBytes))
			if err != nil {
				return err
			}
			return p.End(false)
		})
	}
}

// The owner exchanges the staged file after root has hashed it. It runs as the owner,
// and is not installed.
func TestA13_StagedFileOfTheOwner(t *testing.T) {
	evil := []byte("#!/bin/sh\nid -u; id -g; id -G; echo home $HOME; echo secret $SECRET\n(: </dev/tty) 2>/dev/null && echo terminal\nexit 3\n")
	t.Setenv("SECRET", "of root")
	target := newPlace(t, alice)
	before := snapshot(t, filepath.Dir(target))
	ran := ""
	err := updateAs(t, root, target, newBytes, func(s *Session, st *Staged) error {
		return s.Try(st, func(path string) error {
			info, err := os.Lstat(path)
			require.NoError(t, err)
			uid, _ := store.Owner(info)
			require.Equal(t, []any{root, fs.FileMode(0o755)}, []any{uid, info.Mode()}, "alice can start it, and not write to it")
			sys.AsUser(t, alice, alice, func() {
				require.NoError(t, os.Rename(path, path+".away"))
				require.NoError(t, os.WriteFile(path, evil, 0o755))
			})
			err = (&trial.Trial{}).Run(t.Context(), path, s.Owner())
			require.ErrorAs(t, err, new(*trial.Error))
			ran = err.Error()
			return nil
		})
	})
	require.ErrorIs(t, err, ErrChanged)
	require.Contains(t, ran, fmt.Sprintf(`%d\n65534\n65534\nhome /\nsecret\n`, alice))
	require.NotContains(t, ran, "terminal")
	leftovers, err := filepath.Glob(filepath.Join(WorkDir(target), "*"))
	require.NoError(t, err)
	for _, path := range append(leftovers, WorkDir(target)) {
		require.NoError(t, os.Remove(path))
	}
	require.Equal(t, before, snapshot(t, filepath.Dir(target)))
}

// The owner puts the right file there, keeps it open, and changes it after it was hashed.
func TestA13_StagedFileThatIsStillWritten(t *testing.T) {
	target := newPlace(t, alice)
	var err error
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	path, err := s.StagePath()
	require.NoError(t, err)
	sys.AsUser(t, alice, alice, func() { err = os.WriteFile(path, newBytes, 0o755) })
	require.NoError(t, err)
	st, err := s.Seal(path, sum(newBytes), AnySize)
	require.NoError(t, err)
	info, err := os.Lstat(path)
	require.NoError(t, err)
	sys.AsUser(t, alice, alice, func() {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			_, err = f.WriteString("evil")
			err = errors.Join(err, f.Close(), os.Chtimes(path, info.ModTime(), info.ModTime()))
		}
	})
	require.NoError(t, err)
	_, err = s.Commit(st, Plan{})
	require.ErrorIs(t, err, ErrChanged)
	require.NoError(t, s.Close())
	requireFile(t, target, oldBytes)
}

// A program with more rights than its starter is started and killed by others, who
// would else have it given up.
func TestA14_ElevatedProgram(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, target string)
		starter uint32
		starts  int // that count
	}{
		"setuid": {func(t *testing.T, target string) { require.NoError(t, os.Chmod(target, 0o755|fs.ModeSetuid)) }, bob, 0},
		"setgid": {func(t *testing.T, target string) { require.NoError(t, os.Chmod(target, 0o755|fs.ModeSetgid)) }, bob, 0},
		"file capabilities": {func(t *testing.T, target string) {
			run(t, "setcap", "cap_net_bind_service=ep", target)
		}, alice, 0},
		"none": {func(*testing.T, string) {}, alice, 5},
	} {
		t.Run(name, func(t *testing.T) {
			target := newPlace(t, alice)
			self, err := os.ReadFile("/proc/self/exe")
			require.NoError(t, err)
			require.NoError(t, updateAs(t, alice, target, self))
			tc.prepare(t, target)
			for range 5 {
				out, err := startAs(t, target, tc.starter, startEnv+"="+target)
				if tc.starts > 0 && err != nil {
					break // it is gone
				}
				require.NoError(t, err, "%s", out)
			}
			if tc.starts == 0 {
				requireFile(t, target, self)
			} else {
				requireFile(t, target, oldBytes)
			}
		})
	}
}

func startAs(t *testing.T, program string, uid uint32, env ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Nor does it confirm what its owner started.
func TestA14_ElevatedProgramDoesNotConfirm(t *testing.T) {
	target := newPlace(t, alice)
	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	require.NoError(t, updateAs(t, alice, target, self))
	require.NoError(t, os.Chmod(target, 0o755|fs.ModeSetuid))
	out, err := startAs(t, target, alice, startEnv+"="+target)
	require.NoError(t, err, out)
	require.Contains(t, out, "{false false false   1 3}")
	out, err = startAs(t, target, bob, startEnv+"="+target, confirmEnv+"=1")
	require.NoError(t, err, out)
	out, err = startAs(t, target, alice, startEnv+"="+target)
	require.NoError(t, err, out)
	require.Contains(t, out, "{false false false   2 3}", "it is still on probation")
}

// A file of another user with the right content is not the one that was verified.
func TestB2_OwnerDecides(t *testing.T) {
	target := newPlace(t, root)
	f := &faulty{}
	f.before = func(op, name string) error {
		if op == "rename" && name == "tool" {
			f.before = nil
			path := stagedFile(t, target)
			require.NoError(t, os.Rename(path, path+"-away"))
			require.NoError(t, os.WriteFile(path, newBytes, 0o755))
			require.NoError(t, os.Chown(path, bob, bob))
		}
		return nil
	}
	require.ErrorIs(t, f.run(target, false), ErrChanged)
	requireFile(t, target, oldBytes)
}

// Alice writes a journal of an update that has to be undone, and exchanges the backup for
// a file of root's at any look at it. Root copies it for nobody.
func TestA12_SecretOfRootAtTheBackup(t *testing.T) {
	secret := []byte("secret of root")
	for _, linked := range []bool{true, false} { // linked: fs.protected_hardlinks is 0
		for at := 1; at <= 4; at++ {
			t.Run(fmt.Sprintf("linked %v, look %d", linked, at), func(t *testing.T) {
				target := newPlace(t, alice)
				backup, of := target+".backup", target+".secret"
				s, err := Begin(t.Context(), target, Options{})
				require.NoError(t, err)
				require.NoError(t, s.writeJournal(record{State: swapping, Check: true, Old: content{Hash: sum(newBytes)}, New: content{Hash: sum(oldBytes)}}))
				require.NoError(t, s.Close())
				require.NoError(t, os.WriteFile(backup, newBytes, 0o755))
				require.NoError(t, os.Chown(backup, alice, alice))
				require.NoError(t, os.WriteFile(of, secret, 0o600))

				looks, moved := 0, false
				f := &faulty{}
				f.before = func(op, name string) error {
					switch {
					case op == "link" && moved: // so that it is copied
						moved = false
						return errors.Join(os.Rename(backup, of), os.WriteFile(backup, []byte("x"), 0o755))
					case name != "tool.backup" || op != "lstat" && op != "open":
						return nil
					}
					if looks++; looks != at {
						return nil
					}
					if linked {
						return errors.Join(os.Remove(backup), os.Link(of, backup))
					}
					moved = true
					return os.Rename(of, backup)
				}
				s, err = Begin(t.Context(), target, Options{open: f.open})
				if err == nil {
					err = s.Close()
				}
				got, readErr := os.ReadFile(target)
				require.NoError(t, readErr)
				require.NotEqual(t, string(secret), string(got), "%v", err)
				left, globErr := filepath.Glob(filepath.Join(WorkDir(target), "*-*"))
				require.NoError(t, globErr)
				for _, path := range left {
					got, readErr := os.ReadFile(path)
					require.NoError(t, readErr)
					require.NotEqual(t, string(secret), string(got), path)
				}
			})
		}
	}
}
