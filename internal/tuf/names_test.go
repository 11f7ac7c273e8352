// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFileNames(t *testing.T) {
	require.Equal(t, "12.bins-0f.json", FileName(12, "bins-0f"))
	require.Equal(t, "timestamp.json", FileName(12, Timestamp))
	version, role, ok := ParseName("12.bins-0f.json")
	require.True(t, ok)
	require.Equal(t, int64(12), version)
	require.Equal(t, "bins-0f", role)
	for _, name := range []string{"0.root.json", "01.root.json", "1.root.draft.json", "root.json", "9999999999999999.root.json", "1..json", "1.Root.json", "-1.root.json"} {
		_, _, ok := ParseName(name)
		require.False(t, ok, name)
	}
}

func TestStoredNames(t *testing.T) {
	require.Equal(t, "targets.json", StoredName(Targets))
	seen := map[string]bool{}
	for _, role := range []string{"a", "A", "../a", "floors", "1.root", "CON", "con", "", "a.", "a ", strings.Repeat("x", 1000)} {
		name := StoredName(role)
		require.Regexp(t, `^role-[0-9a-f]{64}\.json$`, name)
		require.False(t, seen[strings.ToLower(name)])
		seen[strings.ToLower(name)] = true
	}
}
