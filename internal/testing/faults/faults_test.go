// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyTestsImportThis(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}:{{range .Imports}} {{.}} {{end}}", "../../...").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "/internal/testing/faults:")
	for line := range strings.Lines(string(out)) {
		name, imports, _ := strings.Cut(line, ":")
		require.NotContains(t, imports, "/internal/testing/faults ", name)
	}
}

func TestUnsupportedIsErrUnsupported(t *testing.T) {
	require.ErrorIs(t, ErrUnsupported, errors.ErrUnsupported)
}

func TestAtSelectsOneCall(t *testing.T) {
	hook := At(2, Fail(syscall.EIO))
	require.Equal(t, Pass, hook(Call{N: 1}))
	require.Equal(t, Fail(syscall.EIO), hook(Call{N: 2}))
	require.Equal(t, Pass, hook(Call{N: 3}))
}

func TestCallString(t *testing.T) {
	require.Equal(t, "1 write /a", Call{N: 1, Name: "write", Path: "/a"}.String())
	require.Equal(t, "2 rename /a /b: "+syscall.EIO.Error(),
		Call{N: 2, Name: "rename", Path: "/a", To: "/b", Errno: syscall.EIO}.String())
}
