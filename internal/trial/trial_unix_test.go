// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trial

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// requireGone waits until the process was killed. Its new parent reaps it.
func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || strings.Contains(string(stat), ") Z ")
	}, 5*time.Second, 10*time.Millisecond)
}

func TestCrash(t *testing.T) {
	err := (&Trial{Args: []string{"crash"}}).Run(t.Context(), child, 0)
	require.ErrorContains(t, err, "signal: killed, it printed nothing")
}

// The kernel reads no more than the header before it refuses. Building a program for
// another architecture would compile the standard library first.
func TestAnotherArchitecture(t *testing.T) {
	machine := elf.EM_RISCV
	if runtime.GOARCH == "riscv64" {
		machine = elf.EM_X86_64
	}
	var header bytes.Buffer
	require.NoError(t, binary.Write(&header, binary.LittleEndian, elf.Header64{
		Ident:   [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:    uint16(elf.ET_EXEC),
		Machine: uint16(machine),
		Version: uint32(elf.EV_CURRENT),
		Entry:   0x10000, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}))
	require.NoError(t, binary.Write(&header, binary.LittleEndian, elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: 0x10000, Filesz: 120, Memsz: 120, Align: 4096,
	}))
	err := (&Trial{}).Run(t.Context(), program(t, header.Bytes(), 0o755), 0)
	require.ErrorContains(t, err, "not a program for this system and architecture")
	require.ErrorIs(t, err, syscall.ENOEXEC)
}

func TestMissingInterpreter(t *testing.T) {
	err := (&Trial{}).Run(t.Context(), program(t, []byte("#!/nonexistent/sh\n"), 0o755), 0)
	require.ErrorContains(t, err, "its loader or interpreter is missing")
	require.ErrorIs(t, err, syscall.ENOENT)
}

func TestNoExecuteBit(t *testing.T) {
	err := (&Trial{}).Run(t.Context(), program(t, []byte("#!/bin/sh\n"), 0o644), 0)
	require.ErrorContains(t, err, "it has no execute permission")
	require.ErrorIs(t, err, syscall.EACCES)
}
