// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
)

const restartEnv = "UPDATER_TEST_RESTART"

// process is what a started program reports of itself.
type process struct {
	Program string
	Args    []string
	Dir     string
	PID     int
	Inherit string // what is in descriptor 3
}

// restarting is the program of the tests: it restarts as the target in the environment,
// and is the target itself if its name says so.
func restarting(target string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if base := filepath.Base(self); base == "second" || base == "second.exe" {
		found := process{Program: self, Args: os.Args, PID: os.Getpid()}
		if found.Dir, err = os.Getwd(); err != nil {
			return err
		}
		line := make([]byte, 9)
		if n, err := os.NewFile(3, "inherited").Read(line); err == nil {
			found.Inherit = string(line[:n])
		}
		return json.NewEncoder(os.Stdout).Encode(found)
	}
	switch os.Getenv(restartEnv + "_FIRST") {
	case "replace":
		if err := os.Rename(target, self); err != nil {
			return err
		}
		return updater.Restart()
	case "busy":
		f, err := os.OpenFile(target, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		time.AfterFunc(50*time.Millisecond, func() { _ = f.Close() })
	}
	if err := updater.Restart(updater.TargetFile(target)); err != nil || runtime.GOOS == "windows" {
		return err
	}
	return fmt.Errorf("Restart returned nil")
}

// program makes the test binary a program at path.
func program(t *testing.T, path string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	self, err := os.Executable()
	require.NoError(t, err)
	if runtime.GOOS == "windows" || os.Link(self, path) != nil { // there a link of a running program cannot be removed
		content, err := os.ReadFile(self)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, content, 0o755))
	}
	return path
}

func restartOf(t *testing.T, first, target string, more ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, first)
	cmd.Env = append(append(os.Environ(), restartEnv+"="+target), more...)
	return cmd
}

func TestRestartKeepsWhatTheProcessHas(t *testing.T) {
	dir := t.TempDir()
	first, second := program(t, filepath.Join(dir, "first")), program(t, filepath.Join(dir, "second"))
	cwd, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for _, name := range []string{"a file", "a symbolic link"} {
		t.Run(name, func(t *testing.T) {
			target := second
			if name == "a symbolic link" {
				target = filepath.Join(dir, "link")
				symlink(t, second, target)
			}
			var out bytes.Buffer
			cmd := restartOf(t, first, target)
			cmd.Args = []string{"some name", "a b", "", `c"d\`}
			cmd.Dir, cmd.Stdout, cmd.Stderr = cwd, &out, &out
			if runtime.GOOS != "windows" {
				r, w, err := os.Pipe()
				require.NoError(t, err)
				_, err = w.WriteString("inherited")
				require.NoError(t, err)
				defer r.Close()
				defer w.Close()
				cmd.ExtraFiles = []*os.File{r}
			}
			require.NoError(t, cmd.Run(), out.String())
			want := process{Program: second, Args: cmd.Args, Dir: cwd, PID: cmd.Process.Pid, Inherit: "inherited"}
			var found process
			require.NoError(t, json.Unmarshal(out.Bytes(), &found), out.String())
			if runtime.GOOS == "windows" {
				want.PID, want.Inherit = found.PID, ""
				require.NotEqual(t, cmd.Process.Pid, found.PID)
			}
			if runtime.GOOS != "linux" {
				want.Program = found.Program // links are not resolved
			}
			require.Equal(t, want, found)
		})
	}
}

// os.Executable of Linux says "… (deleted)" of a program that was replaced.
func TestRestartAfterTheProgramWasReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("NOT APPLICABLE: Windows does not let a running program be replaced by one rename")
	}
	first := program(t, filepath.Join(t.TempDir(), "first"))
	next := filepath.Join(filepath.Dir(first), "next")
	require.NoError(t, os.WriteFile(next, []byte("#!/bin/sh\necho replaced \"$@\"\n"), 0o755))
	cmd := restartOf(t, first, next, restartEnv+"_FIRST=replace")
	cmd.Args = append(cmd.Args, "one", "two")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "replaced one two\n", string(out))
}

// A program cannot be started while a process has it open for writing.
func TestRestartWaitsForAWriter(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT PROVEN: not every system refuses to start a file that is open for writing")
	}
	dir := t.TempDir()
	first, second := program(t, filepath.Join(dir, "first")), filepath.Join(dir, "next")
	require.NoError(t, os.WriteFile(second, []byte("#!/bin/sh\necho started\n"), 0o755))
	out, err := restartOf(t, first, second, restartEnv+"_FIRST=busy").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "started\n", string(out))
}

// This process goes on if it cannot be restarted.
func TestRestartFails(t *testing.T) {
	dir := t.TempDir()
	require.ErrorIs(t, updater.Restart(updater.TargetFile(filepath.Join(dir, "none"))), fs.ErrNotExist)
	require.ErrorIs(t, updater.Restart(updater.TargetFile("")), updater.ErrConfig)
	file := filepath.Join(dir, "a\nfile")
	if runtime.GOOS == "windows" {
		file = filepath.Join(dir, "file")
	}
	require.NoError(t, os.WriteFile(file, []byte("no program"), 0o600))
	err := updater.Restart(updater.TargetFile(file))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\n")
	if runtime.GOOS != "windows" {
		require.ErrorIs(t, err, fs.ErrPermission)
	}
}

// A restart in the middle of an update would interrupt it.
func TestRestartWaitsForAnUpdate(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, os.Chmod(w.target, 0o600)) // else this process would become it
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	asked, answer := make(chan struct{}), make(chan struct{})
	w.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if w.requests.Load() == 1 {
			close(asked)
			<-answer
		}
		next.ServeHTTP(rw, r)
	}
	u, err := updater.New(w.options()...)
	require.NoError(t, err)
	done := make(chan error)
	go func() {
		_, err := u.Apply(t.Context())
		done <- err
	}()
	<-asked
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, u.Restart(ctx), context.DeadlineExceeded)
	close(answer)
	require.NoError(t, <-done)
	require.Error(t, u.Restart(t.Context()), "it is not executable")
}
