// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package trial runs a binary to see whether it works.
//
// What runs is verified, but may be broken in any way: it may never end, print
// without end, or leave children behind. So it gets a time limit, its output is
// read to the end and little of it kept, and it is killed with its process
// group (on Windows: its job). What leaves the group on purpose (setsid) is not
// found; that is a failure if it holds on to the output, and not noticed if it
// does not.
//
// The child has the environment of this process, no input, and the root of the
// file system as its directory.
package trial

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// DefaultTimeout is the time that a binary has, unless a Trial says otherwise.
	DefaultTimeout = 30 * time.Second

	// keptOutput is how much of the output is in an Error, in bytes.
	keptOutput = 2 << 10

	// grace is how long output is waited for once the process has ended.
	grace = time.Second
)

// ErrTimeout means that the binary did not come to an end in time. It was killed.
var ErrTimeout = errors.New("did not end in time")

// Trial tells how a binary shows that it works: it is run with Args, has to end
// without an error within Timeout, and to print Contains. Or Func is called.
type Trial struct {
	Args     []string
	Timeout  time.Duration // 0 means DefaultTimeout
	Contains string        // in standard output and standard error together

	// Func is called with the path of the binary instead of running it. Its
	// context ends with the time limit; a Func that goes on all the same is not
	// waited for.
	Func func(ctx context.Context, path string) error
}

// Error is a binary that was run and did not pass.
type Error struct {
	Err    error  // how it ended: *exec.ExitError, ErrTimeout, …
	Output string // what it printed; when that is more than 2 KiB its beginning and its end
}

// The output is quoted: what it does to a terminal is not ours to pass on.
func (e *Error) Error() string {
	if e.Output == "" {
		return e.Err.Error() + ", it printed nothing"
	}
	return fmt.Sprintf("%v, it printed %q", e.Err, e.Output)
}

// Unwrap lets errors.Is find how it ended.
func (e *Error) Unwrap() error { return e.Err }

// Validate refuses a Trial that contradicts itself.
func (t *Trial) Validate() error {
	switch {
	case t.Timeout < 0:
		return fmt.Errorf("a trial cannot take %v, 0 means %v", t.Timeout, DefaultTimeout)
	case t.Func != nil && (len(t.Args) > 0 || t.Contains != ""):
		return errors.New("a trial has a Func, or Args and Contains, not both")
	}
	return nil
}

// Run tries the binary at path out.
func (t *Trial) Run(ctx context.Context, path string) error {
	limit := t.Timeout
	if limit == 0 {
		limit = DefaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w: %v", ErrTimeout, limit))
	defer cancel()
	if t.Func != nil {
		return call(ctx, t.Func, path)
	}
	return t.run(ctx, path)
}

func call(ctx context.Context, f func(context.Context, string) error, path string) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("panic: %v", p)
			}
		}()
		done <- f(ctx, path)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t *Trial) run(ctx context.Context, path string) error {
	out := &output{want: t.Contains}
	cmd, release, err := start(ctx, path, t.Args, out)
	if err != nil {
		return inWords(path, err)
	}
	defer release()
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, exec.ErrWaitDelay):
		// What holds on to the output may be in the group still.
		_ = cmd.Cancel()
		err = errors.New("left a process behind that holds on to its output")
	case err == nil && !out.found():
		err = fmt.Errorf("did not print %q", t.Contains)
	}
	if err != nil {
		return &Error{Err: err, Output: out.String()}
	}
	return nil
}

// start retries while another goroutine of this program, or a child that it is
// just forking, has the file open for writing still.
func start(ctx context.Context, path string, args []string, out *output) (cmd *exec.Cmd, release func(), err error) {
	for pause := time.Millisecond; ; pause *= 2 {
		cmd = exec.CommandContext(ctx, path, args...)
		cmd.Dir = filepath.VolumeName(path) + string(filepath.Separator)
		cmd.Stdout, cmd.Stderr = out, out
		cmd.WaitDelay = grace
		release, err = startGroup(cmd)
		if !errors.Is(err, syscall.ETXTBSY) || pause > time.Second {
			return cmd, release, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// inWords says what the system's error for a program that cannot be started
// usually means.
func inWords(path string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("it is no program for this system and architecture: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("it may not be executed, is the file system mounted noexec? %w", err)
	case errors.Is(err, fs.ErrNotExist):
		if _, statErr := os.Lstat(path); statErr == nil {
			return fmt.Errorf("the loader or interpreter that it names is missing: %w", err)
		}
	}
	return fmt.Errorf("it cannot be started: %w", err)
}
