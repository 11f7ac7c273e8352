// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"context"
	"encoding/binary"
	"math/bits"
)

// index finds the longest match for a pattern in a text.
type index struct {
	text []byte
	sa   []int32

	// Suffixes that start with the two letters of p are from pairs[p] to
	// pairs[p+1] in sa. The last suffix, of one letter, is included.
	pairs []int32
}

func newIndex(ctx context.Context, text []byte) (*index, error) {
	sa, err := suffixArray(ctx, text)
	if err != nil {
		return nil, err
	}

	pairs := make([]int32, 1<<16+1)
	for i := range text {
		pairs[pair(text[i:])+1]++
	}
	for p := range 1 << 16 {
		pairs[p+1] += pairs[p]
	}

	return &index{text: text, sa: sa, pairs: pairs}, nil
}

// pair returns the index of the first two letters of s, which is not empty.
func pair(s []byte) int {
	if len(s) < 2 {
		return int(s[0]) << 8
	}

	return int(s[0])<<8 | int(s[1])
}

// longest returns position and length of the longest prefix of pattern in the text.
// The pattern is not empty.
func (x *index) longest(pattern []byte) (pos, n int) {
	p := pair(pattern)
	if len(pattern) > 1 {
		pos, n = x.search(pattern, int(x.pairs[p]), int(x.pairs[p+1]))
	}
	if n == 0 {
		// One letter may match.
		pos, n = x.search(pattern[:1], 0, len(x.sa))
	}

	return pos, n
}

// search searches the suffixes from lo to hi. The longest match is one of the two
// neighbours of the pattern, and the search visits both. All suffixes between two
// have the prefix that those two share with the pattern, so it is not compared
// again and long repeats are not slow.
func (x *index) search(pattern []byte, lo, hi int) (pos, n int) {
	below, above := 0, 0
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		at := int(x.sa[mid])
		same := min(below, above)
		same += common(x.text[at+same:], pattern[same:])
		if same > n {
			pos, n = at, same
		}
		switch {
		case same == len(pattern):
			return pos, n
		case at+same == len(x.text) || x.text[at+same] < pattern[same]:
			lo, below = mid+1, same
		default:
			hi, above = mid, same
		}
	}

	return pos, n
}

// common returns the length of the common prefix of a and b.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:])
		if x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}

	return i
}
