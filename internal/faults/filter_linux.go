// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// filterInstaller makes only the calls of these numbers stop. After an error all
// calls do.
type filterInstaller func(tid int, numbers []uint64) error

var errNoFilter = errors.New("no filter of system calls")

// numbers are the calls of the classes that count.
func (t *tracer) numbers() []uint64 {
	var numbers []uint64
	for _, kinds := range []map[uint64]kind{calls, oldCalls} {
		for _, nr := range slices.Sorted(maps.Keys(kinds)) {
			if kinds[nr].class&t.classes != 0 {
				numbers = append(numbers, nr)
			}
		}
	}
	return numbers
}

// filter is the program that the kernel asks about each call, as in
// linux/seccomp.h: the number is at 0, the machine at 4.
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
	_ = binary.Write(&b, binary.NativeEndian, program) // a Buffer takes everything
	return b.Bytes()
}
