// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const holdEnv = "LOCK_TEST_HOLD"

// TestMain runs the test binary as the other process if holdEnv is set.
func TestMain(m *testing.M) {
	if dir := os.Getenv(holdEnv); dir != "" {
		hold(dir)
	}
	if dir := os.Getenv(updateEnv); dir != "" {
		updateInOtherProcess(dir)
	}
	os.Exit(m.Run())
}

func hold(dir string) {
	root, err := os.OpenRoot(dir)
	if err == nil {
		_, err = Acquire(root, "lock")
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("held")
	time.Sleep(time.Minute)
}

func newRoot(t *testing.T) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { root.Close() })
	return root
}

func TestAcquire(t *testing.T) {
	root := newRoot(t)
	l, err := Acquire(root, "lock")
	require.NoError(t, err)

	_, err = Acquire(root, "lock")
	require.ErrorIs(t, err, ErrHeld, "not even by the same process")

	require.NoError(t, l.Release())
	require.NoError(t, l.Release(), "a second Release does nothing")
	l, err = Acquire(root, "lock")
	require.NoError(t, err, "the existing file is reused")
	require.NoError(t, l.Release())
}

func TestAcquireAfterDeath(t *testing.T) {
	root := newRoot(t)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), holdEnv+"="+root.Name())
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)

	_, err = Acquire(root, "lock")
	require.ErrorIs(t, err, ErrHeld)
	for _, err := range []error{err, Probe(root, "lock")} {
		var held *HeldError
		require.ErrorAs(t, err, &held)
		require.Equal(t, cmd.Process.Pid, held.PID)
	}
	require.NoError(t, cmd.Process.Kill())
	cmd.Wait()
	require.Eventually(t, func() bool {
		l, err := Acquire(root, "lock")
		return err == nil && l.Release() == nil
	}, 5*time.Second, 10*time.Millisecond)
	require.FileExists(t, filepath.Join(root.Name(), "lock"), "a killed holder leaves the file")
}

// interposed calls opened after each OpenFile of Acquire.
type interposed struct {
	*os.Root
	opened func()
}

func (d interposed) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	f, err := d.Root.OpenFile(name, flag, perm)
	d.opened()
	return f, err
}

// The holder removes the file and releases it after Acquire opened it, but before it
// locked it.
func TestAcquireRemovedFile(t *testing.T) {
	for name, replace := range map[string]bool{"removed": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			root := newRoot(t)
			times := 0
			dir := interposed{root, func() {
				if times++; times > 1 {
					return
				}
				require.NoError(t, root.Remove("lock"))
				if replace {
					require.NoError(t, root.WriteFile("lock", nil, 0o600))
				}
			}}
			l, err := Acquire(dir, "lock")
			require.NoError(t, err)
			require.Equal(t, 2, times)
			_, err = Acquire(root, "lock")
			require.ErrorIs(t, err, ErrHeld, "the held lock is the file at the name")
			require.NoError(t, l.Release())
		})
	}
}

// A symlink put there after Acquire found no file does not create a file elsewhere.
func TestAcquireCreatesExclusively(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("NOT PROVEN: symlinks need a privilege")
	}
	root := newRoot(t)
	_, err := Acquire(lookedAt{root, func() { _ = root.Symlink("elsewhere", "lock") }}, "lock")
	require.ErrorIs(t, err, ErrNotRegular)
	require.NoFileExists(t, filepath.Join(root.Name(), "elsewhere"))
}

// The file is removed between Lstat and OpenFile.
func TestAcquireFileRemovedBeforeOpen(t *testing.T) {
	root := newRoot(t)
	require.NoError(t, root.WriteFile("lock", nil, 0o600))
	looks := 0
	l, err := Acquire(lookedAt{root, func() {
		if looks++; looks == 1 {
			require.NoError(t, root.Remove("lock"))
		}
	}}, "lock")
	require.NoError(t, err)
	require.NoError(t, l.Release())
}

type lookedAt struct {
	*os.Root
	looked func()
}

func (d lookedAt) Lstat(name string) (fs.FileInfo, error) {
	info, err := d.Root.Lstat(name)
	d.looked()
	return info, err
}

func TestAcquireNoDirectory(t *testing.T) {
	root := newRoot(t)
	_, err := Acquire(root, filepath.Join("absent", "lock"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// Acquire does not retry for ever if the file keeps disappearing.
func TestAcquireGivesUp(t *testing.T) {
	root := newRoot(t)
	dir := interposed{root, func() { root.Remove("lock") }}
	_, err := Acquire(dir, "lock")
	require.ErrorIs(t, err, ErrHeld)
}
