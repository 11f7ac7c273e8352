// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// program returns this test binary with a version appended, which does not keep it from
// running.
func program(t *testing.T, version string) []byte {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	b, err := os.ReadFile(exe)
	require.NoError(t, err)
	return append(b, version...)
}

// start runs path, which cannot be replaced or removed until stop is called.
func startTarget(t *testing.T, path string) (stop func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Env = append(os.Environ(), runEnv+"=1")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "running", strings.TrimSpace(line))
	return func() {
		require.NoError(t, in.Close())
		require.NoError(t, cmd.Wait())
	}
}

func asides(t *testing.T, target string) (found []string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(WorkDir(target), "aside-*"))
	require.NoError(t, err)
	return found
}

// Old and new version are replaced while they run, and continue to run.
func TestRunningProgramIsReplacedAndRestored(t *testing.T) {
	target := filepath.Join(t.TempDir(), "tool.exe")
	old, next := program(t, "1"), program(t, "2")
	require.NoError(t, os.WriteFile(target, old, 0o755))
	stopOld := startTarget(t, target)
	require.ErrorIs(t, os.Remove(target), windows.ERROR_ACCESS_DENIED, "it is running")

	update(t, target, next)
	requireFile(t, target, next)
	requireFile(t, target+".backup", old)
	moved := asides(t, target)
	require.Len(t, moved, 1)
	requireRemovedAtBoot(t, moved[0])
	stopNext := startTarget(t, target)

	require.NoError(t, Rollback(t.Context(), target))
	requireFile(t, target, old)
	require.NoFileExists(t, target+".backup")
	require.Len(t, asides(t, target), 2)
	stopAgain := startTarget(t, target)
	stopAgain()
	stopNext()
	stopOld()

	_, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	require.Empty(t, asides(t, target), "Recover removes them")
	require.Equal(t, []string{"tool.exe"}, names(t, filepath.Dir(target)))
}

// requireRemovedAtBoot reads where MoveFileEx records what is to be done at boot.
func requireRemovedAtBoot(t *testing.T, path string) {
	t.Helper()
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Control\Session Manager`, registry.QUERY_VALUE)
	require.NoError(t, err)
	defer key.Close()
	if !windows.GetCurrentProcessToken().IsElevated() {
		t.Log("NOT PROVEN: only administrators may have files removed at boot")
		return
	}
	pending, _, err := key.GetStringsValue("PendingFileRenameOperations")
	require.NoError(t, err)
	require.Contains(t, pending, `\??\`+path)
}

// The update of a running program is interrupted at every operation. Recover, called
// while it still runs, makes the target complete.
func TestInterruptEveryOperationWhileRunning(t *testing.T) {
	old, next := program(t, "1"), program(t, "2")
	for name, checked := range map[string]bool{"plain": false, "health check": true} {
		t.Run(name, func(t *testing.T) {
			step := 1
			if testing.Short() {
				step = 3
			}
			for n := 1; ; n += step {
				target := filepath.Join(t.TempDir(), "tool.exe")
				require.NoError(t, os.WriteFile(target, old, 0o755))
				stop := startTarget(t, target)
				stopped, reported := interruptUpdate(t, target, next, checked, n)
				_, err := Recover(t.Context(), target, Options{})
				require.NoError(t, err, n)

				got, err := os.ReadFile(target)
				require.NoError(t, err, n)
				if sum(got) != sum(next) {
					require.Equal(t, sum(old), sum(got), n)
					require.Error(t, reported, n)
				} else {
					requireFile(t, target+".backup", old)
				}
				startTarget(t, target)() // it runs
				stop()
				_, err = Recover(t.Context(), target, Options{})
				require.NoError(t, err, n)
				for _, name := range names(t, filepath.Dir(target)) {
					require.Contains(t, []string{"tool.exe", "tool.exe.backup"}, name, n)
				}
				if !stopped {
					require.NoError(t, reported)
					require.Greater(t, n, 25, "operations were counted")
					break
				}
			}
		})
	}
}

// interruptUpdate updates target. From operation stop on all operations fail. The health
// check runs the new program.
func interruptUpdate(t *testing.T, target string, next []byte, checked bool, stop int) (stopped bool, err error) {
	t.Helper()
	count := 0
	f := &faulty{before: func(string, string) error {
		if count++; count >= stop {
			stopped = true
			return errFault
		}
		return nil
	}}
	s, err := Begin(t.Context(), target, Options{open: f.open})
	if err != nil {
		return stopped, err
	}
	defer s.Close()
	path, err := s.StagePath()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, next, 0o600))
	st, err := s.Seal(path, sum(next), int64(len(next)))
	if err != nil {
		return stopped, err
	}
	plan := Plan{Version: "2"}
	if checked {
		plan.Check = func() error { startTarget(t, target)(); return nil }
	}
	_, err = s.Commit(st, plan)
	return stopped, err
}

// A scanner has the target open, so that it cannot be renamed. If it closes it soon the
// update waits; if not it fails and changes nothing.
func TestSharingViolation(t *testing.T) {
	for name, test := range map[string]struct {
		held    time.Duration
		refused bool
	}{
		"for a moment": {held: 300 * time.Millisecond},
		"permanently":  {held: time.Hour, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			s, err := Begin(t.Context(), target, Options{})
			require.NoError(t, err)
			st := stage(t, s, newBytes)
			released := make(chan struct{})
			release := hold(t, target)
			timer := time.AfterFunc(test.held, func() { release(); close(released) })
			_, err = s.Commit(st, Plan{})
			if timer.Stop() {
				release()
			} else {
				<-released
			}
			require.NoError(t, s.Close())
			if !test.refused {
				require.NoError(t, err)
				requireFile(t, target, newBytes)
				return
			}
			require.ErrorIs(t, err, windows.ERROR_SHARING_VIOLATION)
			var failure *RollbackFailure
			require.False(t, errors.As(err, &failure), fmt.Sprint(err))
			requireFile(t, target, oldBytes)
			require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
		})
	}
}

// hold opens path as a scanner does, which lets others only read.
func hold(t *testing.T, path string) (release func()) {
	t.Helper()
	name, err := windows.UTF16PtrFromString(path)
	require.NoError(t, err)
	h, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil, windows.OPEN_EXISTING, 0, 0)
	require.NoError(t, err)
	return func() { _ = windows.CloseHandle(h) }
}

// A file with a second name could be changed after it was verified.
func TestStagedFileWithTwoNames(t *testing.T) {
	target := newTarget(t)
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	path, err := s.StagePath()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, newBytes, 0o600))
	require.NoError(t, os.Link(path, filepath.Join(t.TempDir(), "second")))
	_, err = s.Seal(path, sum(newBytes), int64(len(newBytes)))
	require.ErrorIs(t, err, ErrChanged)
	require.NoError(t, s.Close())
	requireFile(t, target, oldBytes)
}

// The new file has the attributes and the access list of the old one.
func TestAttributesAreKept(t *testing.T) {
	target := newTarget(t)
	name, err := windows.UTF16PtrFromString(target)
	require.NoError(t, err)
	access, err := windows.SecurityDescriptorFromString("D:P(A;;FA;;;OW)(A;;0x1200a9;;;WD)")
	require.NoError(t, err)
	dacl, _, err := access.DACL()
	require.NoError(t, err)
	require.NoError(t, windows.SetNamedSecurityInfo(target, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil))
	require.NoError(t, windows.SetFileAttributes(name, windows.FILE_ATTRIBUTE_HIDDEN|windows.FILE_ATTRIBUTE_SYSTEM))
	attributesOf := func() (string, uint32) {
		sd, err := windows.GetNamedSecurityInfo(target, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
		require.NoError(t, err)
		a, err := windows.GetFileAttributes(name)
		require.NoError(t, err)
		return sd.String(), a & (windows.FILE_ATTRIBUTE_HIDDEN | windows.FILE_ATTRIBUTE_SYSTEM)
	}
	list, attributes := attributesOf()
	require.NotZero(t, attributes)
	if !strings.HasPrefix(list, "D:P") {
		t.Log("NOT PROVEN: there are no access lists here")
	}
	update(t, target, newBytes)
	requireFile(t, target, newBytes)
	nowList, nowAttributes := attributesOf()
	require.Equal(t, list, nowList)
	require.Equal(t, attributes, nowAttributes)
}
