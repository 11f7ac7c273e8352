// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var child string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "trial-*")
	if err == nil {
		child = filepath.Join(dir, "child")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", child, "./testdata/child").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func TestRun(t *testing.T) {
	exits := new(exec.ExitError)
	for name, tc := range map[string]struct {
		trial Trial
		text  string // of the error, none for a pass
	}{
		"passes":           {Trial{Args: []string{"version"}, Contains: "1.2.3"}, ""},
		"prints something": {Trial{Args: []string{"version"}, Contains: "1.2.4"}, `did not print "1.2.4", it printed "child 1.2.3\n"`},
		"prints nothing":   {Trial{Args: []string{"nothing"}, Contains: "1.2.4"}, `did not print "1.2.4", it printed nothing`},
		"fails":            {Trial{Args: []string{"fail"}}, `exit status 3, it printed "\x1b[31mno database\x1b[0m\n"`},
		"crashes":          {Trial{Args: []string{"crash"}}, "signal: killed, it printed nothing"},
		"panics":           {Trial{}, "exit status 2, it printed \"panic: runtime error: index out of range"},
		"floods":           {Trial{Args: []string{"flood"}, Contains: "the end"}, ""},
		"floods, and not":  {Trial{Args: []string{"flood"}, Contains: "the ends"}, "did not print"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, tc.trial.Validate())
			err := tc.trial.Run(t.Context(), child)
			if tc.text == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.text)
			var failed *Error
			require.ErrorAs(t, err, &failed)
			require.LessOrEqual(t, len(failed.Output), keptOutput+len("\n[…]\n"))
			require.NotContains(t, err.Error(), "\x1b")
			if strings.Contains(tc.text, "exit status") {
				require.ErrorAs(t, err, &exits)
			}
		})
	}
}

// gone waits until no process has that id: it is killed, and then reaped by
// whoever inherited it.
func gone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || strings.Contains(string(stat), ") Z ")
	}, 5*time.Second, 10*time.Millisecond)
}

func spawned(t *testing.T, err error) int {
	t.Helper()
	var failed *Error
	require.ErrorAs(t, err, &failed)
	_, number, found := strings.Cut(failed.Output, "pid ")
	require.True(t, found, err)
	pid, err := strconv.Atoi(strings.Fields(number)[0])
	require.NoError(t, err)
	return pid
}

func TestHungChildIsKilledWithItsChildren(t *testing.T) {
	trial := Trial{Args: []string{"hang"}, Timeout: 300 * time.Millisecond}
	err := trial.Run(t.Context(), child)
	require.ErrorIs(t, err, ErrTimeout)
	gone(t, spawned(t, err))
}

func TestLeftChildIsKilled(t *testing.T) {
	err := (&Trial{Args: []string{"leave"}}).Run(t.Context(), child)
	require.ErrorContains(t, err, "left a process behind")
	gone(t, spawned(t, err))
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := (&Trial{Args: []string{"hang"}}).Run(ctx, child)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, ErrTimeout)
	gone(t, spawned(t, err))
}

func TestFunc(t *testing.T) {
	sick := errors.New("sick")
	for name, tc := range map[string]struct {
		f    func(context.Context, string) error
		want error
	}{
		"passes":  {func(context.Context, string) error { return nil }, nil},
		"fails":   {func(context.Context, string) error { return sick }, sick},
		"waits":   {func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }, context.DeadlineExceeded},
		"goes on": {func(context.Context, string) error { select {} }, ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := (&Trial{Func: tc.f, Timeout: 50 * time.Millisecond}).Run(t.Context(), child)
			if name == "waits" && errors.Is(err, ErrTimeout) {
				return // whichever came first
			}
			require.ErrorIs(t, err, tc.want)
		})
	}
	err := (&Trial{Func: func(context.Context, string) error { panic("at the disco") }}).Run(t.Context(), child)
	require.EqualError(t, err, "panic: at the disco")
}

func TestValidate(t *testing.T) {
	f := func(context.Context, string) error { return nil }
	for _, trial := range []Trial{{Timeout: -1}, {Func: f, Args: []string{"x"}}, {Func: f, Contains: "x"}} {
		require.Error(t, trial.Validate())
	}
	require.NoError(t, (&Trial{Func: f, Timeout: 1}).Validate())
}

func TestThatCannotBeStarted(t *testing.T) {
	write := func(t *testing.T, content string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "program")
		require.NoError(t, os.WriteFile(path, []byte(content), mode))
		return path
	}
	for name, tc := range map[string]struct {
		make func(t *testing.T) string
		text string
		err  error
	}{
		"another architecture": {func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "program")
			cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./testdata/child")
			cmd.Env = append(os.Environ(), "GOARCH=riscv64", "CGO_ENABLED=0")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			return path
		}, "no program for this system", syscall.ENOEXEC},
		"text":                {func(t *testing.T) string { return write(t, "hello", 0o755) }, "no program for this system", syscall.ENOEXEC},
		"missing interpreter": {func(t *testing.T) string { return write(t, "#!/nonexistent/sh\n", 0o755) }, "interpreter that it names is missing", syscall.ENOENT},
		"no execute bit":      {func(t *testing.T) string { return write(t, "#!/bin/sh\n", 0o644) }, "mounted noexec?", syscall.EACCES},
		"nothing there":       {func(t *testing.T) string { return filepath.Join(t.TempDir(), "x") }, "cannot be started", syscall.ENOENT},
	} {
		t.Run(name, func(t *testing.T) {
			err := (&Trial{}).Run(t.Context(), tc.make(t))
			require.ErrorContains(t, err, tc.text)
			require.ErrorIs(t, err, tc.err)
		})
	}
}

// A file that is open for writing cannot be executed; the one who writes may be
// a child that another goroutine is forking, and gone in a moment.
func TestBusyFileIsTriedAgain(t *testing.T) {
	content, err := os.ReadFile(child)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(path, content, 0o755))
	busy, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	time.AfterFunc(100*time.Millisecond, func() { _ = busy.Close() })
	require.NoError(t, (&Trial{Args: []string{"version"}}).Run(t.Context(), path))
}

func TestOutputThatFitsIsWhole(t *testing.T) {
	for _, size := range []int{0, 1, keptOutput / 2, keptOutput/2 + 1, keptOutput - 1, keptOutput} {
		o, text := &output{}, strings.Repeat("x", size/2)+strings.Repeat("y", size-size/2)
		for _, b := range []byte(text) {
			_, err := o.Write([]byte{b})
			require.NoError(t, err)
		}
		require.Equal(t, text, o.String())
	}
}

func TestOutputFindsWhatStraddlesWrites(t *testing.T) {
	text := strings.Repeat("ab", keptOutput) + "needle" + strings.Repeat("cd", keptOutput)
	for size := 1; size < len(text); size += 1 + size/3 {
		o := &output{want: "needle"}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			_, err := o.Write([]byte(rest[:n]))
			require.NoError(t, err)
			rest = rest[n:]
		}
		require.True(t, o.found(), size)
		require.Equal(t, text[:keptOutput/2]+"\n[…]\n"+text[len(text)-keptOutput/2:], o.String(), size)
	}
}
