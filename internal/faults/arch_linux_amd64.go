// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package faults

import "golang.org/x/sys/unix"

const nativeArch = unix.AUDIT_ARCH_X86_64

// skipCall makes the kernel find no call of that number.
func skipCall(tid int) error {
	return setRegs(tid, func(r *unix.PtraceRegs) { r.Orig_rax = ^uint64(0) })
}

func setResult(tid int, value int64) error {
	return setRegs(tid, func(r *unix.PtraceRegs) { r.Rax = uint64(value) })
}

func setRegs(tid int, change func(*unix.PtraceRegs)) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	change(&regs)
	return unix.PtraceSetRegs(tid, &regs)
}

// oldCalls are those that newer machines have only in their -at form.
var oldCalls = map[uint64]kind{
	unix.SYS_OPEN:      {"open", openClass(1), []operand{path(0)}},
	unix.SYS_CREAT:     {"creat", always(Changes), []operand{path(0)}},
	unix.SYS_RENAME:    {"rename", always(Changes), []operand{path(0), path(1)}},
	unix.SYS_LINK:      {"link", always(Changes), []operand{path(0), path(1)}},
	unix.SYS_SYMLINK:   {"symlink", always(Changes), []operand{path(1)}},
	unix.SYS_UNLINK:    {"unlink", always(Changes), []operand{path(0)}},
	unix.SYS_RMDIR:     {"rmdir", always(Changes), []operand{path(0)}},
	unix.SYS_MKDIR:     {"mkdir", always(Changes), []operand{path(0)}},
	unix.SYS_MKNOD:     {"mknod", always(Changes), []operand{path(0)}},
	unix.SYS_CHMOD:     {"chmod", always(Changes), []operand{path(0)}},
	unix.SYS_CHOWN:     {"chown", always(Changes), []operand{path(0)}},
	unix.SYS_LCHOWN:    {"lchown", always(Changes), []operand{path(0)}},
	unix.SYS_UTIME:     {"utime", always(Changes), []operand{path(0)}},
	unix.SYS_UTIMES:    {"utimes", always(Changes), []operand{path(0)}},
	unix.SYS_FUTIMESAT: {"futimesat", always(Changes), []operand{at(0)}},
	unix.SYS_STAT:      {"stat", always(Reads), []operand{path(0)}},
	unix.SYS_LSTAT:     {"lstat", always(Reads), []operand{path(0)}},
	unix.SYS_ACCESS:    {"access", always(Reads), []operand{path(0)}},
	unix.SYS_READLINK:  {"readlink", always(Reads), []operand{path(0)}},
	unix.SYS_GETDENTS:  {"getdents", always(Reads), []operand{fd(0)}},
}
