// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Results with which the kernel restarts a call, from linux/errno.h. The program does
// not see them.
const (
	restartFirst = 512
	restartLast  = 516
)

// syscallInfo is struct ptrace_syscall_info.
type syscallInfo struct {
	op   uint8
	_    [3]uint8
	arch uint32
	_    [2]uint64 // instruction and stack pointer
	body [8]uint64
}

// At entry body is the number and the arguments, at exit the result.
func (i *syscallInfo) nr() uint64      { return i.body[0] }
func (i *syscallInfo) args() [6]uint64 { return [6]uint64(i.body[1:7]) }

func (i *syscallInfo) errno() syscall.Errno {
	if result := int64(i.body[0]); result < 0 {
		return syscall.Errno(-result)
	}
	return 0
}

func ptrace(request, tid int, addr uintptr, data *byte) error {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), addr, uintptr(unsafe.Pointer(data)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func (t *tracer) syscallStop(tid int, th *thread) error {
	var info syscallInfo
	if err := ptrace(unix.PTRACE_GET_SYSCALL_INFO, tid, unsafe.Sizeof(info), (*byte)(unsafe.Pointer(&info))); err != nil {
		return err
	}
	switch {
	case info.op != unix.PTRACE_SYSCALL_INFO_EXIT && info.arch == nativeArch:
		return t.enter(tid, th, &info)
	case info.op == unix.PTRACE_SYSCALL_INFO_EXIT:
		return t.leave(tid, th, &info)
	}
	return nil
}

// enter counts a call, and does what the hook decides.
func (t *tracer) enter(tid int, th *thread, info *syscallInfo) error {
	th.at, th.fail, th.lost = -1, 0, false
	if th.again && th.nr == info.nr() && th.args == info.args() {
		th.again, th.at = false, th.restarting
		return nil
	}
	call, ok := t.describe(tid, info.nr(), info.args())
	if !ok || t.fold && t.repeated(info.nr(), call) {
		return nil
	}
	call.N = len(t.calls) + 1
	call.Errno = unix.ENOSYS
	th.again, th.at, th.nr, th.args = false, len(t.calls), info.nr(), info.args()
	t.calls = append(t.calls, call)
	do := t.decide(call)
	if do.kill {
		// A thread that is killed at the entry of a call does not make it.
		t.kill()
		return nil
	}
	th.fail, th.lost = do.errno, do.lose
	if (th.fail != 0 || th.lost) && call.Class != Closes {
		return skipCall(tid)
	}
	return nil
}

// repeated reports whether the same call was made at least twice just before.
func (t *tracer) repeated(nr uint64, call Call) bool {
	if !streams[nr] {
		clear(t.repeats)
		return false
	}
	what := call.Name + " " + call.Path
	t.repeats[what]++
	return t.repeats[what] > 2
}

// decide calls the hook. After a kill, other threads may still start a call, for which
// the hook is not called.
func (t *tracer) decide(call Call) Action {
	t.mu.Lock()
	dying := t.dying
	t.mu.Unlock()
	if t.ask == nil || dying {
		return Pass
	}
	select {
	case t.ask <- call:
	case <-t.done:
		return Kill
	}
	select {
	case do := <-t.answer:
		return do
	case <-t.done:
		return Kill
	}
}

func (t *tracer) leave(tid int, th *thread, info *syscallInfo) error {
	if th.at < 0 {
		return nil
	}
	call := &t.calls[th.at]
	defer func() { th.at, th.fail, th.lost = -1, 0, false }()
	if th.fail != 0 || th.lost {
		call.Errno = th.fail
		return setResult(tid, -int64(th.fail))
	}
	if e := info.errno(); e >= restartFirst && e <= restartLast {
		th.again, th.restarting = true, th.at
		return nil
	}
	call.Errno = info.errno()
	return nil
}
