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

// run runs the binary. Once ctx is done its error matters no more, unless the
// binary was not started at all.
func run(ctx context.Context, path string, args []string, out *output) error {
	// On Linux the child dies with the thread that started it, so that has to stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe for the output: %w", err)
	}
	g, err := start(ctx, path, args, w)
	_ = w.Close()
	if err != nil {
		_ = r.Close()
		return inWords(path, err)
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
	case <-time.After(grace):
		held = true
	}
	// In the background: on Windows it may wait for the reader.
	go func() { _ = r.Close() }()

	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		err = fmt.Errorf("waiting for its end: %w", err)
	case !state.Success():
		err = &exec.ExitError{ProcessState: state}
	case held:
		err = errors.New("left a process behind that holds on to its output")
	case !out.found():
		err = fmt.Errorf("did not print %q", out.want)
	default:
		return nil
	}
	return &Error{Err: err, Output: out.String()}
}

// start starts the binary. It retries while another goroutine of this program,
// or a child that it is just forking, has the file open for writing still.
//
// It is not exec.Cmd that starts it: that one looks for other names, in PATH and
// on Windows with other endings, and what is tried has to be this very file.
func start(ctx context.Context, path string, args []string, w *os.File) (*group, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	dir := filepath.VolumeName(path) + string(filepath.Separator)
	attr := &os.ProcAttr{
		Dir:   dir,
		Env:   (&exec.Cmd{Dir: dir}).Environ(), // with PWD, and what Windows cannot do without
		Files: []*os.File{null, w, w},
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

// inWords says what the system's error for a program that cannot be started
// usually means.
func inWords(path string, err error) error {
	info, statErr := os.Stat(path)
	why := "it cannot be started"
	switch {
	case wrongFormat(err):
		why = "it is no program for this system and architecture"
	case busy(err):
		why = "another process has it open for writing"
	case errors.Is(err, fs.ErrPermission) && statErr == nil && info.Mode().Perm()&0o111 == 0:
		why = "it has no permission to be executed"
	case errors.Is(err, fs.ErrPermission):
		why = "it may not be executed, is the file system mounted noexec?"
	case errors.Is(err, fs.ErrNotExist) && statErr == nil:
		why = "the loader or interpreter that it names is missing"
	}
	return fmt.Errorf("%s: %w", why, err)
}
