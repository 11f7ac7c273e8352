// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHolds(t *testing.T) {
	size := int64(len(newBytes))
	flipped := bytes.Clone(newBytes)
	flipped[0] ^= 1
	for name, tc := range map[string]struct {
		damage func(t *testing.T, target string)
		hash   string
		size   int64
		want   bool
	}{
		"same file":    {nil, sum(newBytes), size, true},
		"unknown size": {nil, sum(newBytes), AnySize, true},
		"another size": {nil, sum(newBytes), size + 1, false},
		"another hash": {nil, sum(oldBytes), size, false},
		"no file":      {func(t *testing.T, target string) { require.NoError(t, os.Remove(target)) }, sum(newBytes), size, false},
		"damaged in place": {func(t *testing.T, target string) {
			info, err := os.Stat(target)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(target, flipped, 0o755))
			require.NoError(t, os.Chtimes(target, time.Time{}, info.ModTime()))
		}, sum(newBytes), size, false},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			update(t, target, newBytes) // so that the journal has its hash
			s, err := Begin(t.Context(), target, Options{})
			require.NoError(t, err)
			if tc.damage != nil {
				tc.damage(t, target)
			}
			require.Equal(t, tc.want, s.Holds(tc.hash, tc.size))
			require.NoError(t, s.Close())
		})
	}
}

// Old does not return the hash of a file that was replaced since it was read, by this
// session or an earlier one.
func TestOldReadsReplacedTarget(t *testing.T) {
	target := newTarget(t)
	update(t, target, newBytes)
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	for _, content := range [][]byte{newBytes, []byte("from a package"), oldBytes} {
		require.NoError(t, os.Remove(target))
		require.NoError(t, os.WriteFile(target, content, 0o755))
		f, hash, err := s.Old()
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.Equal(t, sum(content), hash)
	}
	require.NoError(t, s.Close())
}
