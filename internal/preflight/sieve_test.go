// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// What is found does not depend on where one piece ends and the next begins.
func TestSieveFindsWholeLines(t *testing.T) {
	wanted := []string{"/usr/bin/tool", "/bin/tool"}
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"nothing":              {"", nil},
		"the only line":        {"/bin/tool", []string{"/bin/tool"}},
		"the last":             {"/a\n/bin/tool\n", []string{"/bin/tool"}},
		"both":                 {"/bin/tool\n/usr/bin/tool", []string{"/usr/bin/tool", "/bin/tool"}},
		"a part of a line":     {"/x/bin/tool\n/bin/tool2\n /bin/tool\n", nil},
		"twice, far from each": {"/bin/tool\n" + strings.Repeat("/a\n", sievePiece) + "/bin/tool\n", []string{"/bin/tool"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newSieve(wanted).read("list", strings.NewReader(tc.text))
			require.NoError(t, err)
			require.ElementsMatch(t, tc.want, got)
		})
	}
	for before := sievePiece - 40; before < sievePiece+40; before++ {
		text := strings.Repeat("x", before-1) + "\n/usr/bin/tool\n" + strings.Repeat("y", 100)
		for _, end := range []int{len(text), before + len("/usr/bin/tool")} {
			got, err := newSieve(wanted).read("list", iotest.HalfReader(strings.NewReader(text[:end])))
			require.NoError(t, err)
			require.True(t, slices.Equal([]string{"/usr/bin/tool"}, got), fmt.Sprint(before, end))
		}
	}
}
