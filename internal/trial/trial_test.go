// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// enough is a time limit after which the child surely hangs.
const enough = 2 * time.Second

var child string

func TestMain(m *testing.M) {
	if path := os.Getenv("TRIAL_OF"); path != "" { // a process that runs one trial
		fmt.Println((&Trial{Args: strings.Fields(os.Getenv("TRIAL_ARGS")), Timeout: enough}).Run(context.Background(), path, 0))
		os.Exit(0)
	}
	// The parallel tests mostly wait.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(withChild(m.Run))
}

func withChild(run func() int) int {
	dir, err := os.MkdirTemp("", "trial-*")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	child = filepath.Join(dir, "child") // without .exe, on Windows too
	if out, err := exec.Command("go", "build", "-o", child, "./testdata/child").CombinedOutput(); err != nil {
		fmt.Printf("%v: %s", err, out)
		return 1
	}
	return run()
}

func TestRun(t *testing.T) {
	for name, tc := range map[string]struct {
		trial Trial
		text  string // of the error, none for a pass
	}{
		"passes":           {Trial{Args: []string{"version"}, Contains: "1.2.3"}, ""},
		"prints something": {Trial{Args: []string{"version"}, Contains: "1.2.4"}, `did not print "1.2.4", it printed "child 1.2.3\n"`},
		"prints nothing":   {Trial{Args: []string{"nothing"}, Contains: "1.2.4"}, `did not print "1.2.4", it printed nothing`},
		"fails":            {Trial{Args: []string{"fail"}}, `exit status 3, it printed "\x1b[31mno database\x1b[0m\n"`},
		"panics":           {Trial{}, "exit status 2, it printed \"panic: runtime error: index out of range"},
		"floods":           {Trial{Args: []string{"flood"}, Contains: "the end"}, ""},
		"floods, and not":  {Trial{Args: []string{"flood"}, Contains: "the ends"}, "did not print"},
		"floods for ever":  {Trial{Args: []string{"endless"}, Timeout: enough}, "did not finish in time: 2s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, tc.trial.Validate())
			err := tc.trial.Run(t.Context(), child, 0)
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
				require.ErrorAs(t, err, new(*exec.ExitError))
			}
		})
	}
}

func spawned(t *testing.T, output string) int {
	t.Helper()
	_, number, found := strings.Cut(output, "pid ")
	require.True(t, found, output)
	pid, err := strconv.Atoi(strings.Fields(number)[0])
	require.NoError(t, err)
	return pid
}

func spawnedBy(t *testing.T, err error) int {
	t.Helper()
	var failed *Error
	require.ErrorAs(t, err, &failed)
	return spawned(t, failed.Output)
}

func TestHungChildIsKilledWithItsChildren(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	err := (&Trial{Args: []string{"hang"}, Timeout: enough}).Run(t.Context(), child, 0)
	require.ErrorIs(t, err, ErrTimeout)
	require.Less(t, time.Since(begin), enough+stopTimeout)
	requireGone(t, spawnedBy(t, err))
}

// A process that the binary leaves in its group is killed, and Run does not wait
// for it.
func TestChildLeftBehindIsKilled(t *testing.T) {
	for _, arg := range []string{"leave", "leave-quiet"} {
		t.Run(arg, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, (&Trial{Args: []string{arg}, Contains: "pid "}).Run(t.Context(), child, 0))
			err := (&Trial{Args: []string{arg}, Contains: "what it does not print"}).Run(t.Context(), child, 0)
			requireGone(t, spawnedBy(t, err))
		})
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	reason := errors.New("the user logged out")
	for name, tc := range map[string]struct {
		context func(context.Context) context.Context
		want    []error
	}{
		"deadline": {func(ctx context.Context) context.Context {
			ctx, cancel := context.WithTimeout(ctx, enough)
			t.Cleanup(cancel)
			return ctx
		}, []error{context.DeadlineExceeded}},
		"cancelled": {func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(enough, cancel)
			return ctx
		}, []error{context.Canceled}},
		"cancelled for a reason": {func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(enough, func() { cancel(reason) })
			return ctx
		}, []error{context.Canceled, reason}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			err := (&Trial{Args: []string{"hang"}}).Run(tc.context(t.Context()), child, 0)
			for _, want := range tc.want {
				require.ErrorIs(t, err, want)
			}
			require.NotErrorIs(t, err, ErrTimeout)
			require.Less(t, time.Since(begin), enough+stopTimeout)
			requireGone(t, spawnedBy(t, err))
		})
	}
}

func TestCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	called := false
	f := func(context.Context, string) error { called = true; return nil }
	require.ErrorIs(t, (&Trial{Func: f}).Run(ctx, child, 0), context.Canceled)
	require.False(t, called)
	require.ErrorIs(t, (&Trial{Args: []string{"version"}}).Run(ctx, child, 0), context.Canceled)
}

func TestFunc(t *testing.T) {
	failure := errors.New("no database")
	const limit = 50 * time.Millisecond
	for name, tc := range map[string]struct {
		f    func(context.Context, string) error
		want []error
		text string
	}{
		"passes":        {func(context.Context, string) error { return nil }, nil, ""},
		"fails":         {func(context.Context, string) error { return failure }, []error{failure}, "no database"},
		"panics":        {func(context.Context, string) error { panic("index out of range") }, nil, "panic: index out of range"},
		"exits":         {func(context.Context, string) error { runtime.Goexit(); return nil }, nil, "it called runtime.Goexit"},
		"stops":         {func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }, []error{ErrTimeout}, "did not finish in time: 50ms"},
		"reports why":   {func(ctx context.Context, _ string) error { <-ctx.Done(); return failure }, []error{ErrTimeout, failure}, "did not finish in time: 50ms: no database"},
		"is late":       {func(context.Context, string) error { time.Sleep(2 * limit); return nil }, []error{ErrTimeout}, "did not finish in time: 50ms"},
		"never returns": {func(context.Context, string) error { select {} }, []error{ErrTimeout}, "did not finish in time: 50ms, and could not be stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := (&Trial{Func: tc.f, Timeout: limit}).Run(t.Context(), child, 0)
			if tc.text == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.text)
			for _, want := range tc.want {
				require.ErrorIs(t, err, want)
			}
		})
	}
}

func TestFuncGetsThePathAndTheTimeLimit(t *testing.T) {
	f := func(ctx context.Context, path string) error {
		deadline, has := ctx.Deadline()
		require.True(t, has)
		require.WithinDuration(t, time.Now().Add(DefaultTimeout), deadline, DefaultTimeout/2)
		require.Equal(t, child, path)
		return nil
	}
	require.NoError(t, (&Trial{Func: f}).Run(t.Context(), child, 0))
}

func TestValidate(t *testing.T) {
	f := func(context.Context, string) error { return nil }
	for _, trial := range []Trial{{Timeout: -1}, {Func: f, Args: []string{"x"}}, {Func: f, Contains: "x"}} {
		require.Error(t, trial.Validate())
	}
	require.NoError(t, (&Trial{Func: f, Timeout: 1}).Validate())
	require.NoError(t, (&Trial{}).Validate())
}

// The child's directory and input do not depend on where the updater was started.
func TestChildEnvironment(t *testing.T) {
	t.Setenv("TRIAL_VARIABLE", "as it is")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	_, err = w.WriteString("meant for the updater")
	require.NoError(t, errors.Join(err, w.Close()))
	stdin := os.Stdin
	t.Cleanup(func() { os.Stdin = stdin; _ = r.Close() })
	os.Stdin = r
	err = (&Trial{Args: []string{"world"}, Contains: "what it does not print"}).Run(t.Context(), child, 0)
	var failed *Error
	require.ErrorAs(t, err, &failed)
	root := filepath.VolumeName(child) + string(filepath.Separator)
	require.Equal(t, fmt.Sprintf("dir %q <nil>\ninput \"\" <nil>\nvariable \"as it is\"\n", root), failed.Output)
}

// A path is relative to our working directory. The child's and PATH do not matter.
func TestRelativePath(t *testing.T) {
	t.Chdir(filepath.Dir(child))
	name := filepath.Base(child)
	trial := Trial{Args: []string{"version"}, Contains: "child 1.2.3"}
	require.NoError(t, trial.Run(t.Context(), name, 0))

	t.Setenv("PATH", filepath.Dir(child))
	t.Chdir(t.TempDir())
	require.ErrorIs(t, trial.Run(t.Context(), name, 0), os.ErrNotExist)
}

func program(t *testing.T, content []byte, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(path, content, mode))
	return path
}

func copied(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(child)
	require.NoError(t, err)
	return program(t, content, 0o755)
}

func TestNotAProgram(t *testing.T) {
	for name, path := range map[string]string{
		"text": program(t, []byte("hello"), 0o755),
		"cut":  program(t, []byte("\x7fELF\x02\x01\x01"), 0o755),
	} {
		t.Run(name, func(t *testing.T) {
			err := (&Trial{}).Run(t.Context(), path, 0)
			require.ErrorContains(t, err, "not a program for this system and architecture")
			require.True(t, wrongFormat(err))
		})
	}
}

func TestMissingBinary(t *testing.T) {
	err := (&Trial{}).Run(t.Context(), filepath.Join(t.TempDir(), "x"), 0)
	require.ErrorContains(t, err, "could not be started")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A file that is open for writing cannot be executed. The writer may be a child that
// another goroutine is forking, and close it in a moment.
func TestBusyFileIsRetried(t *testing.T) {
	t.Parallel()
	path := copied(t)
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	time.AfterFunc(100*time.Millisecond, func() { _ = file.Close() })
	require.NoError(t, (&Trial{Args: []string{"version"}}).Run(t.Context(), path, 0))
}

func TestFileStaysBusy(t *testing.T) {
	t.Parallel()
	path := copied(t)
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	err = (&Trial{Args: []string{"version"}}).Run(t.Context(), path, 0)
	require.ErrorContains(t, err, "another process has it open for writing")
	require.True(t, busy(err))
	require.NotErrorIs(t, err, ErrTimeout)
	err = (&Trial{Args: []string{"version"}, Timeout: 100 * time.Millisecond}).Run(t.Context(), path, 0)
	require.ErrorIs(t, err, ErrTimeout)
	require.True(t, busy(err))
}
