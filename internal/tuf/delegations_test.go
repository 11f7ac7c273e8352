// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// The library compares the prefixes with base64.
func TestPathHashPrefixes(t *testing.T) {
	sum := sha256.Sum256([]byte("dir/file"))
	hash := hex.EncodeToString(sum[:])
	for prefix, want := range map[string]bool{
		hash[:1]: true, hash[:7]: true, hash: true, "": true, hash[:3] + "g": false, strings.ToUpper(hash): false, "x": false, hash + "0": false,
	} {
		require.Equal(t, want, delegates(&metadata.DelegatedRole{PathHashPrefixes: []string{"zz", prefix}}, "dir/file"), prefix)
	}
	require.False(t, delegates(&metadata.DelegatedRole{}, "dir/file"), "no paths are none")
}

func TestPathPatterns(t *testing.T) {
	for _, tc := range []struct {
		pattern, path string
		want          bool
	}{
		{"*", "a", true}, {"*", "a/b", false}, {"*/*", "a/b", true}, {"a/*.zip", "a/b.zip", true}, {"a/*.zip", "a/b/c.zip", false},
		{"a?", "ab", true}, {"a?", "a/", false}, {"a", "a", true}, {"a", "ab", false}, {"", "a", false}, {"[", "[", false}, {"**", "a/b", false},
	} {
		require.Equal(t, tc.want, delegates(&metadata.DelegatedRole{Paths: []string{tc.pattern}}, tc.path), "%q %q", tc.pattern, tc.path)
	}
}
