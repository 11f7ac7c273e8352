// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package attrs

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAccessListIsCopied(t *testing.T) {
	dst, src := create(t, "new"), create(t, "old")
	list := func(name string) string {
		out, err := exec.CommandContext(t.Context(), "/bin/ls", "-le", name).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	out, err := exec.CommandContext(t.Context(), "/bin/chmod", "+a", "everyone deny write", src.Name()).CombinedOutput()
	require.NoError(t, err, "%s", out)
	lost, err := Copy(dst, src)
	require.NoError(t, err)
	require.Empty(t, lost)
	require.Contains(t, list(dst.Name()), "everyone deny write")

	lost, err = Copy(dst, create(t, "plain"))
	require.NoError(t, err)
	require.Empty(t, lost)
	require.NotContains(t, list(dst.Name()), "everyone deny write")
}

func TestAccessListOfUnknownFormat(t *testing.T) {
	got, err := parseAccess(make([]byte, 64))
	require.NoError(t, err)
	require.Nil(t, got)
	answer := make([]byte, 64)
	answer[4], answer[8] = 8, 44
	_, err = parseAccess(answer)
	require.Error(t, err)
}
