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
	for _, entry := range []string{"u:4242:rx:allow", "u:4242:rx"} { // NFSv4, POSIX
		if exec.CommandContext(t.Context(), "setfacl", "-m", entry, src.Name()).Run() == nil {
			_, err := Copy(dst, src)
			require.NoError(t, err)
			out, err := exec.CommandContext(t.Context(), "getfacl", "-n", dst.Name()).CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "4242")
			return
		}
	}
	t.Skip("NOT PROVEN: no access lists here")
}

func TestParseNames(t *testing.T) {
	require.Equal(t, []string{"a", "bc"}, parseNames([]byte("\x01a\x02bc")))
	require.Equal(t, []string{"a"}, parseNames([]byte("\x01a\x09bc")))
	require.Empty(t, parseNames(nil))
}
