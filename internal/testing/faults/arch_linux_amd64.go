// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package faults

import "golang.org/x/sys/unix"

const nativeArch = unix.AUDIT_ARCH_X86_64

// skipCall replaces the number of the call by one that does not exist.
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

// oldCalls are calls that newer architectures have only in their -at form.
var oldCalls = map[uint64]kind{
	unix.SYS_OPEN:      byArguments("open", openClass(1), path(0)),
	unix.SYS_CREAT:     one("creat", Changes, path(0)),
	unix.SYS_RENAME:    one("rename", Changes, path(0), path(1)),
	unix.SYS_LINK:      one("link", Changes, path(0), path(1)),
	unix.SYS_SYMLINK:   one("symlink", Changes, path(1)),
	unix.SYS_UNLINK:    one("unlink", Changes, path(0)),
	unix.SYS_RMDIR:     one("rmdir", Changes, path(0)),
	unix.SYS_MKDIR:     one("mkdir", Changes, path(0)),
	unix.SYS_MKNOD:     one("mknod", Changes, path(0)),
	unix.SYS_CHMOD:     one("chmod", Changes, path(0)),
	unix.SYS_CHOWN:     one("chown", Changes, path(0)),
	unix.SYS_LCHOWN:    one("lchown", Changes, path(0)),
	unix.SYS_UTIME:     one("utime", Changes, path(0)),
	unix.SYS_UTIMES:    one("utimes", Changes, path(0)),
	unix.SYS_FUTIMESAT: one("futimesat", Changes, at(0)),
	unix.SYS_STAT:      one("stat", Reads, path(0)),
	unix.SYS_LSTAT:     one("lstat", Reads, path(0)),
	unix.SYS_ACCESS:    one("access", Reads, path(0)),
	unix.SYS_READLINK:  one("readlink", Reads, path(0)),
	unix.SYS_GETDENTS:  one("getdents", Reads, fd(0)),
}
