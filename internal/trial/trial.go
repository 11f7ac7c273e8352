// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package trial runs a binary to see whether it works.
//
// The binary is verified, but it may be broken in any way: it may never finish,
// print without end, or leave child processes behind. So it gets a time limit, all
// of its output is read but little of it kept, and its process group (on Windows:
// its job) is killed when it finishes, whether it passed or not. On Linux the
// binary itself, but not its children, is killed when this process dies.
//
// A process that leaves the group on purpose (setsid, a daemon) is not killed. If
// it keeps the output open the trial fails; otherwise it is not noticed. A process
// that we may not kill, such as a setuid program that became another user, is
// left behind when the time limit is reached, and the trial fails.
//
// The binary runs as the user of this process, with its environment. A program of
// another user's, which root updates, is never run as root: it runs as its owner, with
// the groups of the local user database (of a user that is not in there, with the group
// nogroup and no others), an environment of its own, and without our terminal, so that
// it can neither read our secrets nor type for us. A Func is code of this process, and
// runs as that.
//
// It has no input, none of the files that this process has opened, and the root of the
// file system as its working directory, so that it cannot depend on where the updater
// was started.
package trial

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

const (
	// DefaultTimeout is the time limit of a Trial that does not set one.
	DefaultTimeout = 30 * time.Second

	// keptOutput is how much of the output is in an Error, in bytes.
	keptOutput = 2 << 10

	// outputTimeout is how long we wait for the end of the output once the process
	// has finished.
	outputTimeout = time.Second

	// stopTimeout is how long we wait for a Func, or a process that was killed, to
	// stop after the time limit. It is longer than outputTimeout.
	stopTimeout = 2 * time.Second
)

// ErrTimeout means that the binary did not finish in time. It was killed.
var ErrTimeout = errors.New("did not finish in time")

// Trial describes how a binary shows that it works: run with Args, it exits
// without an error within Timeout and prints Contains. Or Func is called instead.
type Trial struct {
	Args     []string
	Timeout  time.Duration // 0 means DefaultTimeout
	Contains string        // in standard output and standard error together

	// Func is called with the path of the binary, which is not run. Its context
	// ends at the time limit. A Func that ignores that is abandoned 2 seconds
	// later.
	Func func(ctx context.Context, path string) error
}

// Error is returned for a binary that was run and did not pass.
type Error struct {
	Err    error  // how it ended: *exec.ExitError, ErrTimeout, …
	Output string // what it printed, raw; if that is more than 2 KiB, its start and its end
}

// Error quotes the output, so that it cannot write to the terminal.
func (e *Error) Error() string {
	if e.Output == "" {
		return e.Err.Error() + ", it printed nothing"
	}
	return fmt.Sprintf("%v, it printed %q", e.Err, e.Output)
}

// Unwrap returns how the binary ended.
func (e *Error) Unwrap() error { return e.Err }

// Validate returns an error if the fields of t contradict each other.
func (t *Trial) Validate() error {
	switch {
	case t.Timeout < 0:
		return fmt.Errorf("timeout of a trial is negative: %v (0 means %v)", t.Timeout, DefaultTimeout)
	case t.Func != nil && (len(t.Args) > 0 || t.Contains != ""):
		return errors.New("a trial has a Func, or Args and Contains, not both")
	}
	return nil
}

// Run tries the binary at path, a program of the user with the id owner. It returns an
// *Error if the binary ran and failed, and what Func returned if there is one. It
// returns soon after ctx is done.
func (t *Trial) Run(ctx context.Context, path string, owner int) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	// The child has another working directory, where a relative path would name
	// another file.
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("finding %q: %w", path, err)
	}
	limit := t.Timeout
	if limit == 0 {
		limit = DefaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w: %v", ErrTimeout, limit))
	defer cancel()
	if t.Func != nil {
		_, err = await(ctx, func() error { return t.Func(ctx, path) })
		return err
	}
	out := &output{want: t.Contains}
	inTime, err := await(ctx, func() error { return run(ctx, path, owner, t.Args, out) })
	if !inTime {
		return &Error{Err: err, Output: out.String()}
	}
	return err
}

// await calls f and returns its error, if it returns before ctx is done. If not,
// err says why ctx is done, and includes what f returns within stopTimeout.
func await(ctx context.Context, f func() error) (inTime bool, err error) {
	done := make(chan error, 1)
	go func() {
		err := errors.New("it called runtime.Goexit")
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
			done <- err
		}()
		err = f()
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(stopTimeout):
			return false, fmt.Errorf("%w, and could not be stopped", contextError(ctx))
		}
	}
	switch {
	case ctx.Err() == nil:
		return true, err
	case err == nil || errors.Is(err, ctx.Err()):
		return false, contextError(ctx)
	}
	return false, fmt.Errorf("%w: %w", contextError(ctx), err)
}

// contextError says why ctx is done: the time limit was reached, or the error of
// the caller's context with its cause.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, ErrTimeout) || errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
