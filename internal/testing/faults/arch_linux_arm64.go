// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const nativeArch = unix.AUDIT_ARCH_AARCH64

// skipCall replaces the number of the call, which has its own register set, by one that
// does not exist.
func skipCall(tid int) error {
	number := int32(-1)
	iov := unix.Iovec{Base: (*byte)(unsafe.Pointer(&number)), Len: uint64(unsafe.Sizeof(number))}
	return ptrace(unix.PTRACE_SETREGSET, tid, unix.NT_ARM_SYSTEM_CALL, (*byte)(unsafe.Pointer(&iov)))
}

func setResult(tid int, value int64) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	regs.Regs[0] = uint64(value)
	return unix.PtraceSetRegs(tid, &regs)
}

var oldCalls map[uint64]kind
