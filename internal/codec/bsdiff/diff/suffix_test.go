// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// naive sorts suffixes by comparison.
func naive(text []byte) []int32 {
	sa := make([]int32, len(text))
	for i := range sa {
		sa[i] = int32(i)
	}
	slices.SortFunc(sa, func(a, b int32) int { return bytes.Compare(text[a:], text[b:]) })

	return sa
}

func requireSorted(t *testing.T, text []byte) {
	t.Helper()
	sa, err := suffixArray(t.Context(), text)
	require.NoError(t, err)
	require.True(t, slices.Equal(naive(text), sa), "%q", text)
}

func TestSuffixArray(t *testing.T) {
	for _, text := range []string{"", "a", "aa", "ab", "ba", "banana", "mississippi", "abracadabra", "\xff\x00\xff", "zyxwv", "abcde"} {
		requireSorted(t, []byte(text))
	}

	t.Run("all short texts of three letters", func(t *testing.T) {
		for length := range 9 {
			for code := range pow(3, length) {
				text := make([]byte, length)
				for i := range text {
					text[i] = byte(code % 3)
					code /= 3
				}
				requireSorted(t, text)
			}
		}
	})
	t.Run("random", func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for n := range 300 {
			text := make([]byte, n*3)
			letters := 1 + r.IntN(256>>(n%8))
			for i := range text {
				text[i] = byte(r.IntN(letters))
			}
			requireSorted(t, text)
		}
	})
	t.Run("repeats of repeats", func(t *testing.T) {
		a, b := []byte("a"), []byte("ab")
		for len(b) < 5000 {
			a, b = b, slices.Concat(b, a)
			requireSorted(t, b)
			requireSorted(t, slices.Concat(b, b))
		}
	})
}

func pow(x, n int) int {
	p := 1
	for range n {
		p *= x
	}

	return p
}

func TestSuffixArrayCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, n := range []int{0, 1, 2, 100} {
		_, err := suffixArray(ctx, make([]byte, n))
		require.ErrorIs(t, err, context.Canceled)
	}
}

// The match of the index is as long as that of an exhaustive search.
func TestLongest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 200 {
		text, pattern := make([]byte, n), make([]byte, 1+r.IntN(20))
		for _, b := range [][]byte{text, pattern} {
			for i := range b {
				b[i] = byte(r.IntN(3) * 127)
			}
		}
		best := 0
		for i := range text {
			best = max(best, common(text[i:], pattern))
		}

		x, err := newIndex(t.Context(), text)
		require.NoError(t, err)
		pos, length := x.longest(pattern)
		require.Equal(t, best, length)
		require.Equal(t, pattern[:length], text[pos:pos+length])
	}
}

func BenchmarkSuffixArray(b *testing.B) {
	text := make([]byte, 4<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		_, err := suffixArray(b.Context(), text)
		require.NoError(b, err)
	}
}
