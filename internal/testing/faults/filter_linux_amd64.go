// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// installFilter makes the program call seccomp before its first instruction. It needs
// root: no_new_privs, the alternative, would change the rights of the program.
func installFilter(tid int, numbers []uint64) error {
	var saved unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &saved); err != nil {
		return err
	}
	// The memory below the stack is not used yet. struct sock_fprog is first.
	program := filter(numbers)
	at := (saved.Rsp - 128 - 16 - uint64(len(program))) &^ 15
	data := binary.NativeEndian.AppendUint64(nil, uint64(len(program)/8))
	data = binary.NativeEndian.AppendUint64(data, at+16)
	if _, err := unix.PtracePokeData(tid, uintptr(at), append(data, program...)); err != nil {
		return err
	}

	code := make([]byte, 2)
	if _, err := unix.PtracePeekText(tid, uintptr(saved.Rip), code); err != nil {
		return err
	}
	if _, err := unix.PtracePokeText(tid, uintptr(saved.Rip), []byte{0x0f, 0x05}); err != nil { // syscall
		return err
	}
	regs := saved
	regs.Orig_rax = ^uint64(0) // not in a call that the kernel would restart
	regs.Rax, regs.Rdi, regs.Rsi, regs.Rdx = unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, at
	result, err := callOnce(tid, &regs)

	_, codeErr := unix.PtracePokeText(tid, uintptr(saved.Rip), code)
	err = errors.Join(err, codeErr, unix.PtraceSetRegs(tid, &saved))
	if err == nil && result != 0 {
		err = fmt.Errorf("%w: %w", errNoFilter, unix.Errno(-result))
	}
	return err
}

// callOnce runs to the start of a call and to its end.
func callOnce(tid int, regs *unix.PtraceRegs) (int64, error) {
	if err := unix.PtraceSetRegs(tid, regs); err != nil {
		return 0, err
	}
	for range 2 {
		if err := unix.PtraceSyscall(tid, 0); err != nil {
			return 0, err
		}
		var ws unix.WaitStatus
		if _, err := wait(tid, &ws); err != nil {
			return 0, err
		}
		if !ws.Stopped() || ws.StopSignal() != unix.SIGTRAP|0x80 {
			return 0, fmt.Errorf("%w: it stopped by %#x", errNoFilter, ws)
		}
	}
	var after unix.PtraceRegs
	err := unix.PtraceGetRegs(tid, &after)
	return int64(after.Rax), err
}

// filter returns the BPF program that the kernel runs for each call, as in
// linux/seccomp.h: the number of the call is at 0, the architecture at 4.
func filter(numbers []uint64) []byte {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret   = unix.BPF_RET | unix.BPF_K
	)
	program := []unix.SockFilter{
		{Code: load, K: 4},
		{Code: equal, Jt: 1, K: nativeArch},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		{Code: load, K: 0},
	}
	for _, nr := range numbers {
		program = append(program,
			unix.SockFilter{Code: equal, Jf: 1, K: uint32(nr)},
			unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_TRACE})
	}
	program = append(program, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW})
	var b bytes.Buffer
	_ = binary.Write(&b, binary.NativeEndian, program) // a Buffer never fails
	return b.Bytes()
}
