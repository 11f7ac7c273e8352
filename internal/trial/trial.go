// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package trial runs a binary to see whether it works.
//
// What runs is verified, but may be broken in any way: it may never end, print
// without end, or leave children behind. So it gets a time limit, its output is
// read to the end and little of it kept, and with it ends what it has started:
// its process group (on Windows: its job) is killed when it ends, passed or not.
// On Linux it dies, alone, when this process does.
//
// What leaves the group on purpose (setsid, a daemon) is found on Linux by a
// variable in its environment, and killed too; so a daemon that is to stay cannot
// be started by a Trial that is not a Func. What also drops the variable, what
// leaves the group on another Unix, and what runs as another user is not found;
// that is a failure if it holds on to the output, and not noticed if it does not.
// What may not be killed, as a setuid program that became another user, is left
// behind when the time is over, with an error.
//
// The child runs as the user of this process, with its environment and that
// variable, so that it finds what it will find later; it has no input, no file that this process has
// opened, and the root of the file system as its directory, so that it finds
// nothing by chance.
package trial

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

const (
	// DefaultTimeout is the time that a binary has, unless a Trial says otherwise.
	DefaultTimeout = 30 * time.Second

	// keptOutput is how much of the output is in an Error, in bytes.
	keptOutput = 2 << 10

	// grace is how long output is waited for once the process has ended.
	grace = time.Second

	// patience is how long a Func, or a process that was killed, has to come to
	// its end once the time is over. It is more than grace.
	patience = 2 * time.Second
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
	// context ends with the time limit; a Func that goes on all the same is left
	// behind after a moment.
	Func func(ctx context.Context, path string) error
}

// Error is a binary that was run and did not pass.
type Error struct {
	Err    error  // how it ended: *exec.ExitError, ErrTimeout, …
	Output string // what it printed, raw; when that is more than 2 KiB its beginning and its end
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

// Run tries the binary at path out. It returns soon after ctx is done.
func (t *Trial) Run(ctx context.Context, path string) error {
	if ctx.Err() != nil {
		return over(ctx)
	}
	// The child has another directory, in which a relative path names another file.
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
	inTime, err := await(ctx, func() error { return run(ctx, path, t.Args, out) })
	if !inTime {
		return &Error{Err: err, Output: out.String()}
	}
	return err
}

// await returns what f does, if it comes to an end before ctx is done. If not,
// err says why; what f returns within patience is part of it.
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
		case <-time.After(patience):
			return false, fmt.Errorf("%w, and could not be stopped", over(ctx))
		}
	}
	switch {
	case ctx.Err() == nil:
		return true, err
	case err == nil || errors.Is(err, ctx.Err()):
		return false, over(ctx)
	}
	return false, fmt.Errorf("%w: %w", over(ctx), err)
}

// over says why ctx is done: that the time is over, or what the caller's context
// says, with the cause that he gave.
func over(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, ErrTimeout) || errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
