// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShortOutputIsKept(t *testing.T) {
	for _, size := range []int{0, 1, keptOutput / 2, keptOutput/2 + 1, keptOutput - 1, keptOutput} {
		o, text := &output{}, strings.Repeat("x", size/2)+strings.Repeat("y", size-size/2)
		for _, b := range []byte(text) {
			_, err := o.Write([]byte{b})
			require.NoError(t, err)
		}
		require.Equal(t, text, o.String())
	}
}

func TestOutputFindsTextAcrossWrites(t *testing.T) {
	text := strings.Repeat("ab", keptOutput) + "needle" + strings.Repeat("cd", keptOutput)
	for size := 1; size < len(text); size += 1 + size/3 {
		o := &output{want: "needle"}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			_, err := o.Write([]byte(rest[:n]))
			require.NoError(t, err)
			rest = rest[n:]
		}
		require.True(t, o.found(), size)
		require.Equal(t, text[:keptOutput/2]+"\n[…]\n"+text[len(text)-keptOutput/2:], o.String(), size)
		require.LessOrEqual(t, cap(o.head)+cap(o.tail), 4*keptOutput)
	}
}
