// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// EXITKILL: a test that dies kills what it traces.
const traceOptions = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACEEXEC |
	unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK

// Run runs cmd, and returns when it and all its children have ended. When ctx is done it
// kills them and returns an error. With a nil hook it only counts. The hook is called by
// the goroutine that calls Run, and may end the test. A command that fails is not an
// error: see Result.
func Run(ctx context.Context, cmd *exec.Cmd, watch Watch, hook Hook) (*Result, error) {
	return run(ctx, cmd, watch, hook, installFilter)
}

// run uses a filter, if that is possible, so that other calls do not stop the thread:
// Go's scheduler makes many.
func run(ctx context.Context, cmd *exec.Cmd, watch Watch, hook Hook, filter filterInstaller) (*Result, error) {
	dirs, err := watch.dirs()
	if err != nil {
		return nil, fmt.Errorf("finding the directories to watch: %w", err)
	}
	var out bytes.Buffer
	if cmd.Stdout == nil && cmd.Stderr == nil {
		cmd.Stdout, cmd.Stderr = &out, &out
	}
	t := &tracer{
		dirs: dirs, classes: Changes | watch.Also, fold: watch.Fold, repeats: map[string]int{},
		threads: map[int]*thread{}, res: Result{Exit: -1},
	}
	if hook != nil {
		t.ask, t.answer = make(chan Call), make(chan Action)
	}

	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	defer func() { stop(); <-ended }()
	go func() {
		defer close(ended)
		err = onOwnThread(func() error { return t.run(running, cmd, filter) })
	}()
	for {
		select {
		case call := <-t.ask:
			t.answer <- hook(call)
			continue
		case <-ended:
		}
		break
	}
	if ended := ctx.Err(); ended != nil {
		// The other errors are a result of killing it.
		err = errors.Join(fmt.Errorf("%w after %d calls", ended, len(t.calls)), err)
	}
	if err != nil {
		return nil, fmt.Errorf("tracing %q: %w", cmd.Path, err)
	}
	t.res.Calls, t.res.Output = t.calls, out.Bytes()
	return &t.res, nil
}

// onOwnThread calls f on a thread that has no children. All ptrace requests must come
// from the thread that started the command, and a wait for any child must not find the
// command of another test.
func onOwnThread(f func() error) error {
	runtime.LockOSThread()
	const flags = unix.WEXITED | unix.WNOWAIT | unix.WNOHANG | unix.WALL | unix.WNOTHREAD
	if errors.Is(unix.Waitid(unix.P_ALL, 0, nil, flags, nil), unix.ECHILD) {
		err := f()
		if err == nil {
			// After an error the thread ends with its goroutine, and EXITKILL kills
			// the rest.
			runtime.UnlockOSThread()
		}
		return err
	}
	defer runtime.UnlockOSThread()
	done := make(chan error)
	go func() { done <- onOwnThread(f) }()
	return <-done
}

type tracer struct {
	dirs    []string
	classes Class
	fold    bool
	repeats map[string]int
	ask     chan Call // nil without a hook
	answer  chan Action
	done    <-chan struct{}

	filtered bool
	root     int
	calls    []Call
	res      Result

	mu      sync.Mutex // for the goroutine that waits for the end of ctx
	threads map[int]*thread
	dying   bool
}

// thread is the state of a thread between two of its stops.
type thread struct {
	attached bool
	at       int // the index in calls of the call that it is in, or -1
	fail     syscall.Errno
	lost     bool
	// After a signal the kernel restarts the call.
	again      bool
	nr         uint64
	args       [6]uint64
	restarting int
}

func (t *tracer) run(ctx context.Context, cmd *exec.Cmd, filter filterInstaller) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		return err
	}
	t.root = cmd.Process.Pid
	// loop has waited for the process already: Wait is called for the output.
	defer cmd.Wait() //nolint:errcheck // always ECHILD
	t.done = ctx.Done()
	defer context.AfterFunc(ctx, t.kill)()

	var ws unix.WaitStatus
	if _, err := wait(t.root, &ws); err != nil {
		return err
	}
	if !ws.Stopped() {
		return fmt.Errorf("it did not stop at exec: %#x", ws)
	}
	t.thread(t.root).attached = true
	if err := unix.PtraceSetOptions(t.root, traceOptions); err != nil {
		t.kill()
		return errors.Join(err, t.loop())
	}
	t.filtered = filter(t.root, t.numbers()) == nil
	t.resume(t.root, 0)
	return t.loop()
}

// wait waits for a child of this thread only, so that it does not reap commands of other
// tests.
func wait(pid int, ws *unix.WaitStatus) (int, error) {
	for {
		tid, err := unix.Wait4(pid, ws, unix.WALL|unix.WNOTHREAD, nil)
		if err != unix.EINTR {
			return tid, err
		}
	}
}

// loop handles stops until nothing is left to trace.
func (t *tracer) loop() error {
	var failed error
	for {
		var ws unix.WaitStatus
		tid, err := wait(-1, &ws)
		switch {
		case errors.Is(err, unix.ECHILD):
			return failed
		case err != nil:
			return err
		case ws.Stopped():
			sig, err := t.stopped(tid, ws)
			if err != nil && !errors.Is(err, unix.ESRCH) && failed == nil {
				failed = err
				t.kill()
			}
			t.resume(tid, sig)
		default:
			t.forget(tid, ws)
		}
	}
}

// resume continues a thread until its next stop, which is the end of the call if that is
// counted. Errors are ignored: the thread may be killed at any time, which wait reports.
func (t *tracer) resume(tid int, sig syscall.Signal) {
	if t.filtered && t.thread(tid).at < 0 {
		_ = unix.PtraceCont(tid, int(sig))
		return
	}
	_ = unix.PtraceSyscall(tid, int(sig))
}

// kill kills all threads. A child that is not known yet is killed at its first stop.
func (t *tracer) kill() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dying = true
	for tid := range t.threads {
		_ = unix.Kill(tid, unix.SIGKILL)
	}
}

func (t *tracer) thread(tid int) *thread {
	t.mu.Lock()
	defer t.mu.Unlock()
	th := t.threads[tid]
	if th == nil {
		th = &thread{at: -1}
		t.threads[tid] = th
	}
	if t.dying {
		_ = unix.Kill(tid, unix.SIGKILL)
	}
	return th
}

func (t *tracer) forget(tid int, ws unix.WaitStatus) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.threads, tid)
	if tid != t.root {
		return
	}
	t.res.Exit = ws.ExitStatus()
	if ws.Signaled() {
		t.res.Signal = ws.Signal()
	}
}

// stopped handles a stop and returns the signal to continue with.
func (t *tracer) stopped(tid int, ws unix.WaitStatus) (syscall.Signal, error) {
	th := t.thread(tid)
	sig := ws.StopSignal()
	switch {
	case sig == unix.SIGTRAP|0x80:
		return 0, t.syscallStop(tid, th)
	case sig == unix.SIGTRAP && ws.TrapCause() > 0:
		switch ws.TrapCause() {
		case unix.PTRACE_EVENT_EXEC:
			return 0, t.executed(tid)
		case unix.PTRACE_EVENT_SECCOMP:
			return 0, t.syscallStop(tid, th)
		}
		return 0, nil
	case sig == unix.SIGSTOP && !th.attached:
		th.attached = true // every new thread starts with a SIGSTOP
		return 0, nil
	}
	// The stop after a SIGSTOP ends at once: no process would send a SIGCONT.
	return sig, nil
}

// executed moves the state of a thread that called execve to the id of its process, which
// is the id of the thread from now on.
func (t *tracer) executed(tid int) error {
	former, err := unix.PtraceGetEventMsg(tid)
	if err != nil || int(former) == tid {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if th := t.threads[int(former)]; th != nil {
		t.threads[tid] = th
		delete(t.threads, int(former))
	}
	return nil
}
