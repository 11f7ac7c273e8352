// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// victim builds the program that makes the calls.
func victim(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "victim")
	out, err := exec.Command("go", "build", "-o", bin, "./testdata/victim").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return bin
}

func trace(t *testing.T, hook Hook, watch Watch, bin string, args ...string) *Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	res, err := Run(ctx, exec.Command(bin, args...), watch, hook)
	require.NoError(t, err)
	return res
}

func in(dir string) Watch { return Watch{Dirs: []string{dir}} }

// withoutVariables returns a call without what differs between runs: the directory, and the
// numbers of files without a name.
func withoutVariables(c Call, dir string) string {
	return regexp.MustCompile(`#\d+`).ReplaceAllString(strings.ReplaceAll(c.String(), dir, ""), "#")
}

// tree describes all files below a directory.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	all := []string{}
	require.NoError(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		line := fmt.Sprintf("%s %v", strings.TrimPrefix(name, dir), info.Mode())
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(name)
			require.NoError(t, err)
			line += fmt.Sprintf(" %q", content)
			if info.ModTime().Unix() < 10 {
				line += " old"
			}
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(name)
			require.NoError(t, err)
			line += " " + to
		}
		all = append(all, line)
		return nil
	}))
	return all
}

const stepCount = 14

func TestCountsChangesOnly(t *testing.T) {
	dir := t.TempDir()
	res := trace(t, nil, in(dir), victim(t), "steps", dir, "99")
	require.Equal(t, 0, res.Exit)
	require.Equal(t, "done\n", string(res.Output))
	require.Len(t, res.Calls, stepCount)
	for i, call := range res.Calls {
		require.Equal(t, i+1, call.N)
		require.Zero(t, call.Errno)
		require.True(t, strings.HasPrefix(call.Path, dir+"/"), call)
	}
	require.Contains(t, res.Calls[8].To, dir+"/h")
}

func TestKillLeavesTheCallsBefore(t *testing.T) {
	bin := victim(t)
	for n := 1; n <= stepCount; n++ {
		want, got := t.TempDir(), t.TempDir()
		out, err := exec.Command(bin, "steps", want, fmt.Sprint(n-1)).CombinedOutput()
		require.NoError(t, err, "%s", out)

		res := trace(t, At(n, Kill), in(got), bin, "steps", got, "99")
		require.Len(t, res.Calls, n)
		require.Equal(t, syscall.SIGKILL, res.Signal)
		require.Equal(t, -1, res.Exit)
		require.Empty(t, res.Output)
		require.Equal(t, syscall.ENOSYS, res.Calls[n-1].Errno)
		require.Equal(t, tree(t, want), tree(t, got), "killed before %v", res.Calls[n-1])
	}
}

func TestFailedCallIsNotMade(t *testing.T) {
	bin := victim(t)
	for n := 1; n <= stepCount; n++ {
		for _, errno := range []syscall.Errno{unix.EIO, unix.ENOSPC, unix.EXDEV} {
			want, got := t.TempDir(), t.TempDir()
			out, err := exec.Command(bin, "steps", want, fmt.Sprint(n-1)).CombinedOutput()
			require.NoError(t, err, "%s", out)

			res := trace(t, At(n, Fail(errno)), in(got), bin, "steps", got, "99")
			require.Len(t, res.Calls, n)
			require.Equal(t, 1, res.Exit)
			require.Equal(t, fmt.Sprintf("%d step %d: %v\n", int(errno), n, errno), string(res.Output))
			require.Equal(t, errno, res.Calls[n-1].Errno)
			require.Equal(t, tree(t, want), tree(t, got), "failed %v", res.Calls[n-1])
		}
	}
}

func TestLostCallIsNotMade(t *testing.T) {
	bin := victim(t)
	dir := t.TempDir()
	want := tree(t, dir)
	res := trace(t, At(1, Lose), in(dir), bin, "steps", dir, "1")
	require.Zero(t, res.Exit, "%s", res.Output)
	require.Len(t, res.Calls, 1)
	require.Zero(t, res.Calls[0].Errno)
	require.Equal(t, want, tree(t, dir))
}

func TestOtherDirectoriesAreNotCounted(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	res := trace(t, At(1, Kill), in(other), victim(t), "steps", dir, "99")
	require.Empty(t, res.Calls)
	require.Equal(t, 0, res.Exit)

	// A name that starts with the name of the directory is not below it.
	beside := filepath.Join(other, "a")
	require.NoError(t, os.Mkdir(beside, 0o755))
	require.NoError(t, os.Mkdir(beside+"b", 0o755))
	require.Empty(t, trace(t, nil, in(beside), victim(t), "steps", beside+"b", "99").Calls)
}

func TestSymlinkedAndRelativeNamesAreCounted(t *testing.T) {
	bin, base := victim(t), t.TempDir()
	link := filepath.Join(base, "link")
	require.NoError(t, os.Mkdir(filepath.Join(base, "dir"), 0o755))
	require.NoError(t, os.Symlink("dir", link))
	run := func(watched, cwd, named string) int {
		cmd := exec.Command(bin, "steps", named, "99")
		cmd.Dir = cwd
		res, err := Run(t.Context(), cmd, in(watched), nil)
		require.NoError(t, err)
		require.Equal(t, 0, res.Exit, "%s", res.Output)
		for _, name := range []string{"h", "s"} {
			require.NoError(t, os.Remove(filepath.Join(base, "dir", name)))
		}
		return len(res.Calls)
	}
	require.Equal(t, stepCount, run(link, base, filepath.Join(base, "dir")))
	require.Equal(t, stepCount, run(filepath.Join(base, "dir"), base, link))
	require.Equal(t, stepCount, run(filepath.Join(base, "dir"), filepath.Join(base, "dir"), "."))
	require.Equal(t, stepCount, run(filepath.Join(base, "dir"), base, "dir"))
}

func TestCountIsTheSameEveryTime(t *testing.T) {
	bin := victim(t)
	var first []string
	for range 20 {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "target"), nil, 0o755))
		var lines []string
		for _, call := range trace(t, nil, Watch{Dirs: []string{dir}, Also: Reads | Closes}, bin, "right", dir).Calls {
			lines = append(lines, withoutVariables(call, dir))
		}
		if first == nil {
			first = lines
			t.Log(strings.Join(lines, "\n"))
		}
		require.Equal(t, first, lines)
	}
	require.Greater(t, len(first), 7)
}

// With and without a filter the same calls are counted.
func TestFilterDoesNotChangeCount(t *testing.T) {
	bin := victim(t)
	var lists [2][]string
	for i, install := range []filterInstaller{installFilter, func(int, []uint64) error { return errNoFilter }} {
		for _, do := range []Action{Pass, Kill, Fail(unix.EIO)} {
			for _, how := range []string{"steps", "children", "signals", "calls"} {
				dir := t.TempDir()
				cmd := exec.Command(bin, how, dir, "99")
				res, err := run(t.Context(), cmd, in(dir), At(2, do), install)
				require.NoError(t, err)
				for _, call := range res.Calls {
					lists[i] = append(lists[i], withoutVariables(call, dir))
				}
				lists[i] = append(lists[i], fmt.Sprint(how, res.Exit, res.Signal, string(res.Output), tree(t, dir)))
			}
		}
	}
	require.Equal(t, lists[0], lists[1])
}

// It is implemented for root on amd64.
func TestFilterIsInstalled(t *testing.T) {
	if runtime.GOARCH != "amd64" || os.Geteuid() != 0 {
		t.Skip("NOT PROVEN: needs root on amd64")
	}
	var installed error
	_, err := run(t.Context(), exec.Command("true"), in(t.TempDir()), nil, func(tid int, numbers []uint64) error {
		installed = installFilter(tid, numbers)
		return installed
	})
	require.NoError(t, err)
	require.NoError(t, installed)
}

func TestFoldKeepsNumbers(t *testing.T) {
	bin := victim(t)
	var lists [2][]string
	for i, pieces := range []string{"3", "300"} {
		dir := t.TempDir()
		res := trace(t, nil, Watch{Dirs: []string{dir}, Also: Reads, Fold: true}, bin, "copy", dir, pieces)
		require.Equal(t, "done\n", string(res.Output))
		for _, call := range res.Calls {
			lists[i] = append(lists[i], withoutVariables(call, dir))
		}
	}
	require.Equal(t, []string{
		"1 openat /a", "2 openat /b",
		"3 pwrite64 /a", "4 pread64 /a", "5 pwrite64 /b", "6 pwrite64 /a", "7 pread64 /a", "8 pwrite64 /b",
		"9 fsync /b", "10 pwrite64 /a", "11 pwrite64 /a",
	}, lists[1])
	require.Equal(t, lists[0], lists[1])
}

func TestCountsAllThreads(t *testing.T) {
	bin := victim(t)
	for range 5 {
		dir := t.TempDir()
		require.Len(t, trace(t, nil, in(dir), bin, "threads", dir).Calls, 4*5*2)
		res := trace(t, At(17, Kill), in(dir), bin, "threads", dir)
		require.Equal(t, syscall.SIGKILL, res.Signal)
		require.GreaterOrEqual(t, len(res.Calls), 17)
	}
}

func TestCountsChildren(t *testing.T) {
	bin, dir := victim(t), t.TempDir()
	res := trace(t, nil, in(dir), bin, "children", dir)
	require.Equal(t, 0, res.Exit, "%s", res.Output)
	require.Len(t, res.Calls, 2)

	res = trace(t, At(2, Kill), in(t.TempDir()), bin, "children", t.TempDir())
	require.Equal(t, 0, res.Exit)
	dir = t.TempDir()
	res = trace(t, At(2, Kill), in(dir), bin, "children", dir)
	require.Equal(t, syscall.SIGKILL, res.Signal, "the parent was not killed with its child")
	require.Equal(t, []string{" drwxr-xr-x", "/d drwxr-xr-x"}, tree(t, dir))
}

func TestInterruptedCallIsCountedOnce(t *testing.T) {
	bin, dir := victim(t), t.TempDir()
	for range 5 {
		res := trace(t, nil, in(dir), bin, "signals", dir)
		require.Equal(t, 0, res.Exit, "%s", res.Output)
		require.Len(t, res.Calls, 3, "%v", res.Calls)
	}
}

func TestSignalsAreDelivered(t *testing.T) {
	res := trace(t, nil, in(t.TempDir()), victim(t), "signalled", t.TempDir())
	require.Equal(t, "done\n", string(res.Output))
}

// A failed close closes. Otherwise the program would run out of descriptors, and keep
// locks that it released.
func TestFailedCloseCloses(t *testing.T) {
	bin, dir := victim(t), t.TempDir()
	res := trace(t, At(1, Fail(unix.EIO)), Watch{Dirs: []string{dir}, Also: Closes}, bin, "close", dir)
	require.Equal(t, fmt.Sprintf("%d %v\n", int(unix.EIO), unix.EIO), string(res.Output))
	require.Len(t, res.Calls, 1)
	require.Equal(t, unix.EIO, res.Calls[0].Errno)
}

func TestAllCallsAreCounted(t *testing.T) {
	dir := t.TempDir()
	res := trace(t, nil, in(dir), victim(t), "calls", dir)
	require.Equal(t, 0, res.Exit, "%s", res.Output)
	var seen strings.Builder
	for _, call := range res.Calls {
		call.Errno = 0 // depends on the file system
		_, line, _ := strings.Cut(withoutVariables(call, dir), " ")
		fmt.Fprintln(&seen, line)
	}
	require.Equal(t, string(res.Output), seen.String()+"done\n")
}

func TestHookRunsBeforeTheCall(t *testing.T) {
	bin, dir := victim(t), t.TempDir()
	var seen []string
	trace(t, func(c Call) Action {
		if c.N == 3 {
			seen = tree(t, dir)
		}
		return Pass
	}, in(dir), bin, "steps", dir, "99")
	require.Equal(t, []string{" drwxr-xr-x", "/d drwxr-xr-x", `/d/f -rw-r--r-- ""`}, seen)
}

func TestHookMayEndTheTest(t *testing.T) {
	bin, dir := victim(t), t.TempDir()
	cmd := exec.Command(bin, "steps", dir, "99")
	cmd.Dir = dir
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = Run(t.Context(), cmd, in(dir), func(c Call) Action {
			if c.N == 3 {
				runtime.Goexit() // as FailNow does
			}
			return Pass
		})
	}()
	<-ended
	// The program has ended, so that a disk could be unmounted.
	running, err := filepath.Glob("/proc/[0-9]*/cwd")
	require.NoError(t, err)
	for _, cwd := range running {
		at, _ := os.Readlink(cwd)
		require.NotEqual(t, dir, at, cwd)
	}
	require.Equal(t, []string{" drwxr-xr-x", "/d drwxr-xr-x", `/d/f -rw-r--r-- ""`}, tree(t, dir))
}

func TestEndOfContextKillsEverything(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := Run(ctx, exec.Command(victim(t), "hang", t.TempDir()), in(t.TempDir()), nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(begin), 15*time.Second)
}

func TestRunFails(t *testing.T) {
	_, err := Run(t.Context(), exec.Command(filepath.Join(t.TempDir(), "none")), in(t.TempDir()), nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Run(t.Context(), exec.Command("true"), in(filepath.Join(t.TempDir(), "none")), nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// Run must not reap commands of other tests.
func TestOtherCommandsAreNotReaped(t *testing.T) {
	bin := victim(t)
	done := make(chan error)
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := exec.Command("true").Run(); err != nil {
				done <- err
				return
			}
		}
	}()
	for range 10 {
		dir := t.TempDir()
		require.Len(t, trace(t, nil, in(dir), bin, "threads", dir).Calls, 40)
	}
	close(stop)
	require.NoError(t, <-done)
}
