// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/choria-io/go-updater/internal/testing/sys"
)

const (
	root  = 0
	alice = 54321
	bob   = 54322
)

func as(t *testing.T, uid int, do func()) {
	t.Helper()
	if uid == root {
		do()
		return
	}
	sys.AsUser(t, uid, uid, do)
}

// newPlace returns a target of owner, in a directory of owner that others can enter.
func newPlace(t *testing.T, owner int) (dir, target string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("NOT PROVEN: other users need root")
	}
	top, err := os.MkdirTemp("", "store-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(top)) })
	require.NoError(t, os.Chmod(top, 0o755))
	dir = filepath.Join(top, "dir")
	require.NoError(t, os.Mkdir(dir, 0o755))
	target = filepath.Join(dir, "target")
	require.NoError(t, os.WriteFile(target, nil, 0o755))
	for _, path := range []string{dir, target} {
		require.NoError(t, os.Chown(path, owner, owner))
	}
	return dir, target
}

func requireOwner(t *testing.T, dir string, uid int) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		owner, _ := Owner(info)
		require.Equal(t, uid, owner, path)
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		require.Equal(t, want, info.Mode().Perm(), path)
		return nil
	}))
}

// Root and the owner of the target write and read in turn, beside the target and in a
// directory that the owner chose.
func TestA2A3_RootAndOwnerShareADirectory(t *testing.T) {
	for name, order := range map[string][]int{"A2 root first": {root, alice, root}, "A3 owner first": {alice, root, alice}} {
		for _, mask := range []int{0o022, 0o777} { // A7: the umask does not matter
			t.Run(name, func(t *testing.T) {
				dir, target := newPlace(t, alice)
				chosen := filepath.Join(dir, "chosen")
				as(t, alice, func() { require.NoError(t, os.Mkdir(chosen, 0o700)) })
				for _, d := range []Dir{Beside(filepath.Join(dir, "work"), target).Sub("sub"), In(chosen, target)} {
					for _, uid := range order {
						var err error
						as(t, uid, func() {
							was := unix.Umask(mask)
							defer unix.Umask(was)
							err = d.Update(t.Context(), func() ([]File, error) {
								return []File{{"name", []byte{byte(uid)}}}, nil
							})
						})
						require.NoError(t, err)
						for _, reader := range []int{root, alice} {
							var got []byte
							as(t, reader, func() { got, err = d.Read("name", 10) })
							require.NoError(t, err)
							require.Equal(t, []byte{byte(uid)}, got)
						}
					}
					requireOwner(t, d.root, alice)
				}
			})
		}
	}
}

// A7: StateDir and directories above it are made.
func TestA7_StateDirIsMadeWhateverTheUmask(t *testing.T) {
	dir, target := newPlace(t, alice)
	d := In(filepath.Join(dir, "a", "b", "state"), target).Sub("sub")
	var err error
	as(t, alice, func() {
		was := unix.Umask(0o777)
		defer unix.Umask(was)
		err = d.Write(File{"name", []byte("new")})
	})
	require.NoError(t, err)
	requireOwner(t, filepath.Join(dir, "a"), alice)
	requireHolds(t, d, "name", "new")
}

// Processes of root and of the owner make the directory at once, while it is removed.
func TestA2A3_DirectoryIsMadeByManyAtOnce(t *testing.T) {
	for _, owner := range []int{root, alice} {
		dir, target := newPlace(t, owner)
		work := filepath.Join(dir, "work")
		var wg sync.WaitGroup
		failures := make(chan error, 200)
		for i := range 8 {
			wg.Go(func() {
				for range 25 {
					uid := owner * (i % 2) // root, or the owner
					d, err := Beside(work, target).Sub("sub"), error(nil)
					as(t, uid, func() { err = d.Write(File{fmt.Sprint("name", i), []byte("new")}) })
					failures <- err
					_ = os.Remove(filepath.Join(work, "sub", fmt.Sprint("name", i)))
					_ = os.Remove(filepath.Join(work, "sub"))
					_ = os.Remove(work)
				}
			})
		}
		wg.Wait()
		close(failures)
		for err := range failures {
			require.False(t, errors.Is(err, ErrUnsafeDirectory) || errors.Is(err, fs.ErrPermission), "%v", err)
		}
		aside, err := filepath.Glob(work + ".aside-*")
		require.NoError(t, err)
		require.Empty(t, aside)
	}
}

// A1: for a user who may not update nothing is remembered, and nothing is damaged.
func TestA1_KeptByAnotherUser(t *testing.T) {
	for _, owner := range []int{root, alice} {
		dir, target := newPlace(t, owner)
		d := Beside(filepath.Join(dir, "work"), target)
		require.NoError(t, d.Write(File{"name", nil}))
		var read, write error
		as(t, bob, func() {
			_, read = d.Read("name", 10)
			write = d.Write(File{"name", nil})
		})
		require.ErrorIs(t, read, ErrForeign)
		require.NotErrorIs(t, read, ErrUnsafeDirectory)
		require.NotErrorIs(t, read, ErrDamaged)
		require.ErrorIs(t, write, ErrForeign)
		require.ErrorIs(t, write, fs.ErrPermission)

		// So it is with a directory of root's that the user chose.
		if owner == alice {
			chosen := In(filepath.Join(dir, "root"), target)
			require.NoError(t, chosen.Write(File{"name", nil}))
			as(t, alice, func() { _, read = chosen.Read("name", 10) })
			require.ErrorIs(t, read, ErrForeign)
		}
	}
}

// Until it is written to, another user's directory stays where it is.
func TestA11_DirectoryOfAnotherUserIsReplacedWhenWritten(t *testing.T) {
	for _, runner := range []int{root, alice} {
		dir, target := newPlace(t, alice)
		work := filepath.Join(dir, "work")
		require.NoError(t, os.Mkdir(work, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(work, "name"), []byte("root's"), 0o600))
		d := Beside(work, target)
		var err error
		as(t, runner, func() { _, err = d.Read("name", 10) })
		require.ErrorIs(t, err, ErrForeign)
		as(t, runner, func() { err = d.Write(File{"name", []byte("new")}) })
		require.NoError(t, err)
		requireHolds(t, d, "name", "new")
		requireOwner(t, work, alice)
		aside, err := filepath.Glob(work + ".aside-*")
		require.NoError(t, err)
		require.Len(t, aside, 1)
		requireOwner(t, aside[0], root)
		got, err := os.ReadFile(filepath.Join(aside[0], "name"))
		require.NoError(t, err)
		require.Equal(t, "root's", string(got))
	}
}

// Another process replaced the directory meanwhile: its new one is put back.
func TestA11_NewDirectoryIsNotMovedAside(t *testing.T) {
	dir := t.TempDir()
	work := filepath.Join(dir, "work")
	require.NoError(t, os.Mkdir(work, 0o700))
	found, err := os.Lstat(work)
	require.NoError(t, err)
	require.NoError(t, os.Rename(work, work+"-away")) // removed, its number could be used again
	require.NoError(t, os.MkdirAll(filepath.Join(work, "in use"), 0o700))
	above, err := OpenRoot(dir)
	require.NoError(t, err)
	defer above.Close()
	access := Access{Owner: User{alice, alice}}
	require.ErrorIs(t, access.replace(above, "work", work, found), fs.ErrNotExist)
	require.DirExists(t, filepath.Join(work, "in use"))
}

// beforeRename calls do before each rename.
type beforeRename struct {
	Root
	do func()
}

func (b beforeRename) Rename(oldname, newname string) error {
	b.do()
	return b.Root.Rename(oldname, newname)
}

// Root gives a directory that it has made to the owner while another process of root's is
// about to move it aside.
func TestA11_DirectoryThatIsBeingMadeIsNotMovedAside(t *testing.T) {
	if os.Getuid() != root {
		t.Skip("NOT PROVEN: other users need root")
	}
	for name, again := range map[string]bool{"put back": false, "made again": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			work, file := filepath.Join(dir, "work"), filepath.Join(dir, "work", "file")
			require.NoError(t, os.Mkdir(work, 0o700))
			require.NoError(t, os.WriteFile(file, nil, 0o600))
			found, err := os.Lstat(work)
			require.NoError(t, err)
			above, err := OpenRoot(dir)
			require.NoError(t, err)
			defer above.Close()
			renames := 0
			gives := beforeRename{above, func() {
				if renames++; renames == 1 {
					require.NoError(t, os.Chown(work, alice, alice))
				} else if again {
					aside, err := filepath.Glob(work + ".aside-*")
					require.NoError(t, err)
					require.NoError(t, os.Remove(filepath.Join(aside[0], "file")))
					require.NoError(t, os.MkdirAll(filepath.Join(work, "in use"), 0o700))
				}
			}}
			access := Access{Owner: User{alice, alice}}
			require.ErrorIs(t, access.replace(gives, "work", work, found), fs.ErrNotExist)
			aside, err := filepath.Glob(work + ".aside-*")
			require.NoError(t, err)
			require.Empty(t, aside)
			require.DirExists(t, work)
		})
	}
}

// T6: who can exchange a directory above StateDir can exchange what is remembered.
func TestA10_DirectoryAboveStateDir(t *testing.T) {
	for name, tc := range map[string]struct {
		mode  fs.FileMode
		owner int
		want  error
	}{
		"nobody else's":      {0o755, root, nil},
		"sticky, as /tmp is": {0o777 | fs.ModeSticky, root, nil},
		"its group's":        {0o775, root, nil}, // as of the target
		"the target owner's": {0o755, alice, nil},
		"everybody's":        {0o777, root, ErrUnsafeDirectory},
		"another user's":     {0o755, bob, ErrUnsafeDirectory},
	} {
		for _, link := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				dir, target := newPlace(t, alice)
				above := filepath.Join(dir, "above")
				state := filepath.Join(above, "below", "state")
				require.NoError(t, os.MkdirAll(filepath.Dir(state), 0o755))
				d := In(state, target)
				require.NoError(t, d.Write(File{"name", []byte("old")}))
				require.NoError(t, os.Chown(above, tc.owner, tc.owner))
				require.NoError(t, os.Chmod(above, tc.mode))
				if link {
					at := filepath.Join(dir, "link")
					require.NoError(t, os.Symlink(state, at))
					d = In(at, target)
				}
				_, err := d.Read("name", 10)
				require.ErrorIs(t, err, tc.want)
				require.ErrorIs(t, d.Write(File{"name", []byte("new")}), tc.want)
				fresh := In(filepath.Join(above, "new", "state"), target)
				require.ErrorIs(t, fresh.Write(File{"name", nil}), tc.want)
				if tc.want != nil {
					require.NoDirExists(t, filepath.Join(above, "new"), "nothing is made there")
					require.NoError(t, os.Chown(above, root, root))
					require.NoError(t, os.Chmod(above, 0o755))
					requireHolds(t, d, "name", "old")
				}
			})
		}
	}
}

// A link to StateDir that lies where another user can exchange it is refused, too.
func TestA10_LinkThatOthersMayExchange(t *testing.T) {
	dir, target := newPlace(t, root)
	open, safe := filepath.Join(dir, "open"), filepath.Join(dir, "safe")
	require.NoError(t, os.Mkdir(open, 0o755))
	require.NoError(t, os.Mkdir(safe, 0o700))
	require.NoError(t, os.Symlink(safe, filepath.Join(open, "link")))
	d := In(filepath.Join(open, "link"), target)
	require.NoError(t, d.Write(File{"name", nil}))
	require.NoError(t, os.Chmod(open, 0o777))
	_, err := d.Read("name", 10)
	require.ErrorIs(t, err, ErrUnsafeDirectory)
	_, err = d.Shared(true).Read("name", 10)
	require.NoError(t, err, "accepted")
}

// A directory where all may write is used only if that was accepted.
func TestA5_SharedDirectory(t *testing.T) {
	for name, d := range newDirs(t) {
		require.NoError(t, d.Write(File{"name", []byte("old")}), name)
		require.NoError(t, os.Chmod(d.root, 0o777))
		requireUnsafe(t, d)
		shared := d.Shared(true)
		requireHolds(t, shared, "name", "old")
		require.NoError(t, shared.Write(File{"name", []byte("new")}))
		requireHolds(t, shared, "name", "new")
	}
}

// A file of root's that the owner of a directory moved to the name of the lock is locked,
// and not written to; one that root left behind does not stop the owner.
func TestA12_LockOfRoot(t *testing.T) {
	dir, _ := newPlace(t, alice)
	path := filepath.Join(dir, "lock")
	require.NoError(t, os.WriteFile(path, []byte("12345\n"), 0o600))
	opened, err := OpenRoot(dir)
	require.NoError(t, err)
	defer opened.Close()
	opened.CreateFor(User{alice, alice})
	held, err := AcquirePrivate(opened, "lock")
	require.NoError(t, err)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "12345\n", string(got))
	require.NoError(t, held.Release())

	as(t, alice, func() { _, err = AcquirePrivate(opened, "lock") })
	require.ErrorIs(t, err, fs.ErrPermission, "root may be about to give it away")
	old := time.Now().Add(-time.Minute)
	for _, prepare := range []func() error{
		func() error { return nil },
		func() error { return errors.Join(os.Chown(path, alice, alice), os.Chmod(path, 0)) }, // a umask
	} {
		require.NoError(t, errors.Join(prepare(), os.Chtimes(path, old, old)))
		as(t, alice, func() {
			held, err = AcquirePrivate(opened, "lock")
			if err == nil {
				_, second := AcquirePrivate(opened, "lock")
				err = errors.Join(held.Release(), nonHeld(second))
			}
		})
		require.NoError(t, err)
	}
}

func nonHeld(err error) error {
	if errors.Is(err, ErrHeld) {
		return nil
	}
	return errors.Join(errors.New("it is not held"), err)
}

// Opening a fifo does not wait for a writer.
func TestA12_FifoDoesNotBlock(t *testing.T) {
	dir, err := OpenRoot(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	require.NoError(t, unix.Mkfifo(filepath.Join(dir.Name(), "fifo"), 0o600))
	done := make(chan error, 1)
	go func() {
		f, err := dir.OpenFile("fifo", os.O_RDONLY, 0)
		if err == nil {
			err = f.Close()
		}
		done <- err
	}()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(5 * time.Second):
		require.Fail(t, "it waits")
	}
}

// Root sets the mode of the directory that it has looked at, and of no other.
func TestA4_ExchangedDirectoryIsNotNarrowed(t *testing.T) {
	dir, _ := newPlace(t, alice)
	for _, name := range []string{"ours", "other"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	above, err := OpenRoot(dir)
	require.NoError(t, err)
	defer above.Close()
	found, err := above.Lstat("ours")
	require.NoError(t, err)
	require.ErrorIs(t, above.Narrow("other", found), ErrUnsafeDirectory)
	info, err := above.Lstat("other")
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o755), info.Mode().Perm())
	require.NoError(t, above.Narrow("ours", found))
	info, err = above.Lstat("ours")
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
}

// A directory that was exchanged for one of root's, which has something in it, is not
// given away.
func TestA11_ExchangedDirectoryIsNotGivenAway(t *testing.T) {
	dir, _ := newPlace(t, alice)
	above, err := OpenRoot(dir)
	require.NoError(t, err)
	defer above.Close()
	above.CreateFor(User{alice, alice})
	for name, prepare := range map[string]func(path string) error{
		"in use":         func(path string) error { return os.WriteFile(filepath.Join(path, "file"), nil, 0o600) },
		"another user's": func(path string) error { return os.Chown(path, bob, bob) },
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(path, 0o750))
		require.NoError(t, prepare(path))
		before, err := os.Lstat(path)
		require.NoError(t, err)
		require.ErrorIs(t, above.giveDir(name, 0o700), ErrUnsafeDirectory, name)
		after, err := os.Lstat(path)
		require.NoError(t, err)
		require.Equal(t, before.Sys().(*syscall.Stat_t).Ctim, after.Sys().(*syscall.Stat_t).Ctim, name)
	}
	// Another process of root's was faster.
	require.NoError(t, os.Chown(filepath.Join(dir, "in use"), alice, alice))
	require.NoError(t, above.giveDir("in use", 0o700))
}

const namespaceEnv = "STORE_TEST_NAMESPACE"

// In the user namespace of a container the directories above belong to an id that is not
// mapped there.
func TestA10_UserNamespace(t *testing.T) {
	if dir := os.Getenv(namespaceEnv); dir != "" {
		info, err := os.Stat("/")
		require.NoError(t, err)
		uid, _ := Owner(info)
		require.NotZero(t, uid)
		require.NoError(t, In(filepath.Join(dir, "state"), "target").Write(File{"name", nil}))
		return
	}
	dir, _ := newPlace(t, bob)
	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	program := filepath.Join(dir, "store.test")
	require.NoError(t, os.WriteFile(program, self, 0o755))
	cmd := exec.CommandContext(t.Context(), program, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), namespaceEnv+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: bob, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: bob, Size: 1}},
		Credential:  &syscall.Credential{NoSetGroups: true},
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
}
