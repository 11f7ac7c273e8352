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

	// Suffixes that begin with the two letters of p lie from pairs[p] to
	// pairs[p+1]. So does the last suffix, which has but one.
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

// pair is the number of the first two letters of s, which has one at least.
func pair(s []byte) int {
	if len(s) < 2 {
		return int(s[0]) << 8
	}

	return int(s[0])<<8 | int(s[1])
}

// longest returns where the longest prefix of pattern lies in the text, and how
// long that is. The pattern is not empty.
func (x *index) longest(pattern []byte) (pos, n int) {
	p := pair(pattern)
	if len(pattern) > 1 {
		pos, n = x.search(pattern, int(x.pairs[p]), int(x.pairs[p+1]))
	}
	if n == 0 {
		// Perhaps one letter is there.
		pos, n = x.search(pattern[:1], 0, len(x.sa))
	}

	return pos, n
}

// search looks among the suffixes from lo to hi. The longest match begins one
// of the two between which the pattern would lie, and both are looked at. What
// a suffix has in common with the pattern on both sides, all between have, so
// that is not compared again: long repeats cost no more than others.
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

// common returns how many bytes a and b begin with together.
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
