// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// run runs the binary. Once ctx is done it returns nil, or why the binary could
// not be started.
func run(ctx context.Context, path string, owner int, args []string, out *output) error {
	// On Linux the child is killed when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe for its output: %w", err)
	}
	g, err := start(ctx, path, owner, args, w)
	_ = w.Close()
	if err != nil {
		_ = r.Close()
		return startError(path, owner, err)
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(out, r)
	}()
	stop := context.AfterFunc(ctx, g.kill)
	state, err := g.wait()
	stop()

	held := false
	select {
	case <-copied:
	case <-time.After(outputTimeout):
		held = true
	}
	// In the background: on Windows Close may wait for the reader.
	go func() { _ = r.Close() }()

	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		err = fmt.Errorf("waiting for it to finish: %w", err)
	case !state.Success():
		err = &exec.ExitError{ProcessState: state}
	case held:
		err = errors.New("left a process running that keeps its output open")
	case !out.found():
		err = fmt.Errorf("did not print %q", out.want)
	default:
		return nil
	}
	return &Error{Err: err, Output: out.String()}
}

// start starts the binary. It retries while the file is open for writing: a child
// that another goroutine is forking has a copy of every descriptor until it calls
// exec.
//
// It does not use exec.Cmd, which looks for other names: in PATH, and on Windows
// with other endings. What is tried has to be exactly this file.
func start(ctx context.Context, path string, owner int, args []string, w *os.File) (*group, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	dir := filepath.VolumeName(path) + string(filepath.Separator)
	attr := &os.ProcAttr{
		Dir:   dir,
		Env:   (&exec.Cmd{Dir: dir}).Environ(), // with PWD, and SYSTEMROOT on Windows
		Files: []*os.File{null, w, w},
	}
	if err := runAs(attr, owner); err != nil {
		return nil, err
	}
	for pause := time.Millisecond; ; pause *= 2 {
		g, err := startGroup(path, append([]string{path}, args...), attr)
		if !busy(err) || pause > time.Second {
			return g, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

// startError explains err, the system's error for a program that could not be
// started.
func startError(path string, owner int, err error) error {
	info, statErr := os.Stat(path)
	why := "could not be started"
	switch {
	case wrongFormat(err):
		why = "not a program for this system and architecture"
	case busy(err):
		why = "could not be started, another process has it open for writing"
	case errors.Is(err, fs.ErrPermission) && statErr == nil && info.Mode().Perm()&0o111 == 0:
		why = "could not be started, it has no execute permission"
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() == 0 && owner != 0:
		why = fmt.Sprintf("could not be started as its owner, user %d: may that user enter the directories above, are they mounted noexec?", owner)
	case errors.Is(err, fs.ErrPermission):
		why = "could not be started, is the file system mounted noexec?"
	case errors.Is(err, fs.ErrNotExist) && statErr == nil:
		why = "could not be started, its loader or interpreter is missing"
	}
	return fmt.Errorf("%s: %w", why, err)
}
