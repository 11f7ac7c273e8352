// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/testing/sys"
)

const (
	root  = 0
	alice = 54321
	bob   = 54322
)

// newPlace returns a program of owner in a directory of owner that other users can enter.
func newPlace(t *testing.T, owner int) (target string) {
	t.Helper()
	needRoot(t)
	top, err := os.MkdirTemp("", "install-test-") // not t.TempDir, which others cannot enter
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(top)) })
	require.NoError(t, os.Chmod(top, 0o755))
	dir := filepath.Join(top, "bin")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.Chown(dir, owner, owner))
	target = filepath.Join(dir, "tool")
	program(t, target, owner, owner, 0o755)
	return target
}

// updateAs makes a whole update as a user. between, if any, is called before Commit.
func updateAs(t *testing.T, uid int, target string, content []byte, between ...func(s *Session, st *Staged) error) (err error) {
	t.Helper()
	as(t, uid, func() {
		var s *Session
		if s, err = Begin(t.Context(), target, Options{}); err != nil {
			return
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		path, pathErr := s.StagePath()
		if err = errors.Join(pathErr, os.WriteFile(path, content, 0o600)); err != nil {
			return
		}
		var st *Staged
		if st, err = s.Seal(path, sum(content), int64(len(content))); err != nil {
			return
		}
		for _, do := range between {
			if err = do(s, st); err != nil {
				return
			}
		}
		_, err = s.Commit(st, Plan{Probation: 3})
	})
	return err
}

func as(t *testing.T, uid int, do func()) {
	t.Helper()
	if uid == root {
		do()
		return
	}
	sys.AsUser(t, uid, uid, do)
}

// requireOwned asserts that a work directory and all in it belong to a user, and that no
// other can enter it.
func requireOwned(t *testing.T, target string, uid int) {
	t.Helper()
	for path, e := range snapshot(t, WorkDir(target)) {
		require.Equal(t, uid, e.uid, path)
		if e.mode.IsDir() {
			require.Equal(t, fs.FileMode(0o700), e.mode.Perm(), path)
		} else {
			require.Equal(t, fs.FileMode(0o600), e.mode.Perm(), path)
		}
	}
}

// One user updates, then a user who may not even look merely starts the program.
func TestA1_StartByAnotherUser(t *testing.T) {
	for name, mode := range map[string]fs.FileMode{"0755": 0o755, "cannot list": 0o711, "cannot enter": 0o700} {
		t.Run(name, func(t *testing.T) {
			target := newPlace(t, root)
			require.NoError(t, updateAs(t, root, target, newBytes))
			require.NoError(t, os.Chmod(filepath.Dir(target), mode))
			before := snapshot(t, filepath.Dir(target))
			var r Recovery
			var recovered, confirmed error
			as(t, bob, func() {
				r, recovered = Recover(t.Context(), target, Options{})
				confirmed = Confirm(t.Context(), target, Options{})
			})
			if mode == 0o700 { // bob cannot have started it
				require.ErrorIs(t, recovered, fs.ErrPermission)
				return
			}
			require.NoError(t, recovered)
			require.NoError(t, confirmed)
			require.Zero(t, r)
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
			require.ErrorIs(t, updateAs(t, bob, target, []byte("third")), fs.ErrPermission)
			require.Equal(t, before, snapshot(t, filepath.Dir(target)))
		})
	}
}

// Root and the owner update in turn, go back in turn, and start it in turn.
func TestA2A3_RootAndOwnerInTurn(t *testing.T) {
	for name, order := range map[string][]int{"A2 root first": {root, alice, root, alice}, "A3 owner first": {alice, root, alice}} {
		t.Run(name, func(t *testing.T) {
			target := newPlace(t, alice)
			for i, uid := range order {
				content := fmt.Appendf(nil, "version %d of %d", i, uid)
				require.NoError(t, updateAs(t, uid, target, content))
				requireFile(t, target, content)
				requireOwned(t, target, alice)
				for _, starter := range []int{root, alice} {
					as(t, starter, func() {
						_, err := Recover(t.Context(), target, Options{})
						require.NoError(t, err)
					})
				}
				requireOwned(t, target, alice)
				as(t, uid, func() { require.NoError(t, Confirm(t.Context(), target, Options{})) })
			}
			var err error
			as(t, order[1], func() { err = Rollback(t.Context(), target) })
			require.NoError(t, err)
			info, err := os.Lstat(target)
			require.NoError(t, err)
			uid, _ := store.Owner(info)
			require.Equal(t, alice, uid)
		})
	}
}

// An update of root's is killed at a moment when a file in the owner's directory is
// still root's. The owner goes on.
func TestA2_LeftoversOfRoot(t *testing.T) {
	target := newPlace(t, alice)
	work := WorkDir(target)
	hash := sum(newBytes)
	for _, name := range []string{lockFile, "partial-" + hash, store.RandomName("stage"), journalFile + "." + store.RandomName("write")} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.MkdirAll(work, 0o700))
			require.NoError(t, os.Chown(work, alice, alice))
			path := filepath.Join(work, name)
			require.NoError(t, os.WriteFile(path, nil, 0o600))
			old := time.Now().Add(-time.Minute)
			require.NoError(t, os.Chtimes(path, old, old))
			require.NoError(t, updateAs(t, alice, target, newBytes, func(s *Session, _ *Staged) error {
				p, err := s.Partial(hash)
				if err != nil {
					return err
				}
				return p.End(false)
			}))
			requireOwned(t, target, alice)
		})
	}
}

// What merely lets others look is set right. What others could write to is refused
// until a person takes that away: then what they wrote is used, as they say.
func TestA4_ModeOfWorkDir(t *testing.T) {
	for _, runner := range []int{root, alice} {
		for mode, want := range map[fs.FileMode]error{
			0o755: nil, 0o711: nil, 0o750: nil, 0o777: ErrUnsafeDirectory, 0o775: ErrUnsafeDirectory, 0o702: ErrUnsafeDirectory,
			0o000: nil, 0o500: nil, 0o300: nil,
		} {
			t.Run(fmt.Sprintf("%d %o", runner, mode), func(t *testing.T) {
				target := newPlace(t, alice)
				require.NoError(t, updateAs(t, alice, target, newBytes))
				require.NoError(t, os.Chmod(WorkDir(target), mode))
				before := snapshot(t, filepath.Dir(target))
				for range 2 {
					err := updateAs(t, runner, target, []byte("third"))
					require.ErrorIs(t, err, want)
					if want == nil {
						break
					}
					require.ErrorContains(t, err, "chmod go-w")
					as(t, runner, func() { _, err = Recover(t.Context(), target, Options{}) })
					require.ErrorIs(t, err, want)
					require.ErrorIs(t, Busy(target, Options{}), want, "Preflight says so")
					require.Equal(t, before, snapshot(t, filepath.Dir(target)))
					require.NoError(t, os.Chmod(WorkDir(target), mode&^0o022))
					want = nil
				}
				requireOwned(t, target, alice)
				requireFile(t, target, []byte("third"))
			})
		}
	}
}

// chmod -R 775 of a deploy script: whoever may write to the directory of the target can
// replace the target anyway.
func TestA4_GroupOfTheDirectory(t *testing.T) {
	target := newPlace(t, alice)
	require.NoError(t, updateAs(t, alice, target, newBytes))
	for _, path := range []string{filepath.Dir(target), WorkDir(target)} {
		require.NoError(t, os.Chmod(path, 0o775))
	}
	require.NoError(t, updateAs(t, alice, target, []byte("third")))
	requireOwned(t, target, alice)

	require.NoError(t, os.Chmod(WorkDir(target), 0o770))
	require.NoError(t, os.Chown(WorkDir(target), alice, bob))
	require.ErrorIs(t, updateAs(t, alice, target, newBytes), ErrUnsafeDirectory, "another group")
}

// A start reads what is there, also if nobody may list it.
func TestA4_UnreadableWorkDirIsRecovered(t *testing.T) {
	target := newPlace(t, alice)
	require.NoError(t, updateAs(t, alice, target, newBytes))
	require.NoError(t, os.Chmod(WorkDir(target), 0o300))
	var r Recovery
	var err error
	as(t, alice, func() { r, err = Recover(t.Context(), target, Options{}) })
	require.NoError(t, err)
	require.Equal(t, 1, r.Starts)
}

// Not parallel: the umask belongs to the process.
func TestA7_Umask(t *testing.T) {
	for _, mask := range []int{0o777, 0o277, 0o077, 0} {
		for _, runner := range []int{root, alice} {
			target := newPlace(t, alice)
			was := unix.Umask(mask)
			err := updateAs(t, runner, target, newBytes)
			if err == nil {
				err = updateAs(t, alice, target, []byte("third"), func(s *Session, _ *Staged) error {
					p, err := s.Partial(sum(oldBytes))
					if err != nil {
						return err
					}
					_, err = p.Write(make([]byte, minPartial))
					return errors.Join(err, p.End(true))
				})
			}
			unix.Umask(was)
			require.NoError(t, err, "umask %o, user %d", mask, runner)
			requireOwned(t, target, alice)
			requireFile(t, target, []byte("third"))
		}
	}
}

// Root trusts root and the owner of the target, in each directory above it.
func TestA13_OwnersOfTheDirectories(t *testing.T) {
	for _, tc := range []struct {
		owner, dir, above int
		sticky            bool
		want              error
	}{
		{root, root, root, false, nil},
		{root, alice, root, false, ErrUnsafeDirectory},
		{root, root, alice, false, ErrUnsafeDirectory},
		{root, alice, root, true, ErrUnsafeDirectory},
		{root, root, alice, true, ErrUnsafeDirectory}, // its owner may rename everything in it
		{root, root, root, true, nil},
		{alice, alice, root, true, nil},
		{alice, alice, alice, false, nil},
		{alice, root, root, false, nil},
		{alice, bob, root, false, ErrUnsafeDirectory},
		{alice, alice, bob, false, ErrUnsafeDirectory},
	} {
		t.Run(fmt.Sprintf("%d in %d in %d sticky %v", tc.owner, tc.dir, tc.above, tc.sticky), func(t *testing.T) {
			target := newPlace(t, tc.owner)
			dir := filepath.Dir(target)
			require.NoError(t, os.Chown(dir, tc.dir, tc.dir))
			require.NoError(t, os.Chown(filepath.Dir(dir), tc.above, tc.above))
			if tc.sticky {
				require.NoError(t, os.Chmod(filepath.Dir(dir), 0o777|fs.ModeSticky))
			}
			before := snapshot(t, dir)
			require.ErrorIs(t, updateAs(t, root, target, newBytes), tc.want)
			if tc.want != nil {
				require.Equal(t, before, snapshot(t, dir))
				s, err := Begin(t.Context(), target, Options{Shared: true})
				require.NoError(t, err, "accepted by the program")
				require.NoError(t, s.Close())
			}
		})
	}
}

// Alice exchanges her program once root has looked at it.
func TestA13_TargetExchangedAfterTheFirstLook(t *testing.T) {
	target := newPlace(t, alice)
	left := target + ".left"
	program(t, left, root, root, 0o755)
	f := &faulty{}
	f.before = func(op, name string) error {
		if op == "mkdir" {
			f.before = nil
			return os.Rename(left, target)
		}
		return nil
	}
	_, err := Begin(t.Context(), target, Options{open: f.open})
	require.ErrorIs(t, err, ErrUnsafeDirectory)
}

// The file for Seal is created in the work directory, wherever a link leads.
func TestA12_Create(t *testing.T) {
	target := newPlace(t, alice)
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	defer s.Close()
	path, err := s.StagePath()
	require.NoError(t, err)
	was := unix.Umask(0o777)
	f, remove, err := s.Create(path)
	unix.Umask(was)
	require.NoError(t, err)
	defer f.Close()
	info, err := os.Lstat(path)
	require.NoError(t, err)
	uid, _ := store.Owner(info)
	require.Equal(t, []any{root, fs.FileMode(0o600)}, []any{uid, info.Mode()}, "alice cannot write to it")
	_, _, err = s.Create(path)
	require.ErrorIs(t, err, fs.ErrExist)
	require.NoError(t, remove())
	require.NoFileExists(t, path)
	for _, other := range []string{target + ".new", filepath.Join(WorkDir(target), journalFile), filepath.Join(WorkDir(target), "..", filepath.Base(path))} {
		_, _, err = s.Create(other)
		require.ErrorContains(t, err, "is not at a stage path")
	}
	p, err := s.Partial(sum(newBytes))
	require.NoError(t, err)
	info, err = p.Stat()
	require.NoError(t, err)
	uid, _ = store.Owner(info)
	require.Equal(t, alice, uid, "other files are the owner's")
	require.NoError(t, p.End(false))

	victim := t.TempDir()
	require.NoError(t, os.Rename(WorkDir(target), WorkDir(target)+".away"))
	require.NoError(t, os.Symlink(victim, WorkDir(target)))
	_, _, err = s.Create(path)
	require.Error(t, err)
	require.NoFileExists(t, filepath.Join(victim, filepath.Base(path)))
	require.NoError(t, os.Remove(WorkDir(target)))
	require.NoError(t, os.Rename(WorkDir(target)+".away", WorkDir(target)))
}

// Root restored the journal, or saved it with an editor: chown without -R. It is reported,
// and replaced by the next update.
func TestA2_JournalOfRoot(t *testing.T) {
	target := newPlace(t, alice)
	require.NoError(t, updateAs(t, root, target, newBytes))
	require.NoError(t, os.Chown(filepath.Join(WorkDir(target), journalFile), root, root))
	before := snapshot(t, filepath.Dir(target))
	var recovered, confirmed error
	start := func() {
		_, recovered = Recover(t.Context(), target, Options{})
		confirmed = Confirm(t.Context(), target, Options{})
	}
	as(t, alice, start)
	require.ErrorIs(t, recovered, ErrJournal)
	require.ErrorContains(t, recovered, "the next update replaces it")
	require.ErrorIs(t, confirmed, ErrJournal)
	require.Equal(t, before, snapshot(t, filepath.Dir(target)), "only an update replaces it")
	require.NoError(t, updateAs(t, alice, target, []byte("third")))
	requireFile(t, target, []byte("third"))
	requireOwned(t, target, alice)
	as(t, alice, start)
	require.NoError(t, recovered)
	require.NoError(t, confirmed)
}

// A journal that may not be opened in the directory of another user is not called damaged.
func TestA2_JournalThatRootMayNotOpen(t *testing.T) {
	target := newPlace(t, alice)
	require.NoError(t, updateAs(t, root, target, newBytes))
	f := &faulty{}
	f.before = func(op, name string) error {
		if op == "open" && filepath.Base(name) == journalFile {
			return fs.ErrPermission // as root on NFS
		}
		return nil
	}
	_, err := Recover(t.Context(), target, Options{open: f.open})
	require.ErrorIs(t, err, fs.ErrPermission)
	require.NotErrorIs(t, err, ErrJournal)
}

// squashed is a file system that sets the owner of all directories, as NFS with all_squash.
type squashed struct {
	fsys
	dir string
}

func (s squashed) Mkdir(name string, perm fs.FileMode) error {
	if err := s.fsys.Mkdir(name, perm); err != nil {
		return err
	}
	return os.Chown(filepath.Join(s.dir, name), 65534, 65534)
}

// No other update is running there: nobody has to wait for one.
func TestA5_ServerSetsTheOwner(t *testing.T) {
	target := newPlace(t, root)
	open := func(dir string) (fsys, error) {
		f, err := openRoot(dir)
		return squashed{f, dir}, err
	}
	before := snapshot(t, filepath.Dir(target))
	_, err := Begin(t.Context(), target, Options{Wait: true, open: open})
	require.ErrorIs(t, err, ErrUnsafeDirectory)
	require.NotErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, "belongs to user 65534")
	require.Equal(t, before, snapshot(t, filepath.Dir(target)))

	s, err := Begin(t.Context(), target, Options{Shared: true, open: open})
	require.NoError(t, err)
	_, err = s.Commit(stage(t, s, newBytes), Plan{})
	require.NoError(t, errors.Join(err, s.Close()))
	requireFile(t, target, newBytes)
}

// A directory of root's that another process made in the place of ours is none of a
// server's.
func TestA5_DirectoryExchangedOnce(t *testing.T) {
	target := newPlace(t, alice)
	f := &faulty{}
	f.after = func(op, name string) error {
		if op == "mkdir" {
			f.after = nil
			return os.Chown(WorkDir(target), root, root)
		}
		return nil
	}
	s, err := Begin(t.Context(), target, Options{open: f.open})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}
