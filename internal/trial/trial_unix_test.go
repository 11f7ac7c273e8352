// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trial

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gone waits until no process has that id: it is killed, and then reaped by
// whoever inherited it.
func gone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || strings.Contains(string(stat), ") Z ")
	}, 5*time.Second, 10*time.Millisecond)
}

func TestCrash(t *testing.T) {
	err := (&Trial{Args: []string{"crash"}}).Run(t.Context(), child)
	require.ErrorContains(t, err, "signal: killed, it printed nothing")
}

func TestAnotherArchitecture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./testdata/child")
	cmd.Env = append(os.Environ(), "GOARCH=riscv64", "GOOS=linux", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	err = (&Trial{}).Run(t.Context(), path)
	require.ErrorContains(t, err, "no program for this system and architecture")
	require.ErrorIs(t, err, syscall.ENOEXEC)
}

func TestMissingInterpreter(t *testing.T) {
	err := (&Trial{}).Run(t.Context(), program(t, []byte("#!/nonexistent/sh\n"), 0o755))
	require.ErrorContains(t, err, "interpreter that it names is missing")
	require.ErrorIs(t, err, syscall.ENOENT)
}

func TestNoExecuteBit(t *testing.T) {
	err := (&Trial{}).Run(t.Context(), program(t, []byte("#!/bin/sh\n"), 0o644))
	require.ErrorContains(t, err, "has no permission to be executed")
	require.ErrorIs(t, err, syscall.EACCES)
}
