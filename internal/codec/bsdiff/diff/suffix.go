// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"context"
)

// The suffix array is made by induced sorting, SA-IS: G. Nong, S. Zhang and
// W. H. Chan, "Two Efficient Algorithms for Linear Time Suffix Array
// Construction", 2011. A suffix has type S if it is smaller than the next one,
// otherwise type L. It is LMS if it has type S and the previous one has type L.
// When the LMS suffixes are sorted, two passes sort all. To sort them, the pieces
// between LMS positions are sorted in the same way and named by rank, and the
// string of names is sorted.
//
// The text has no sentinel: its end counts as smaller than all letters.

// letter is a byte of the text, or the name of a piece of it.
type letter interface{ ~uint8 | ~int32 }

// suffixArray returns the starts of all suffixes of text in order. It uses four
// bytes per byte of text, and about 1.5 more while it runs.
func suffixArray(ctx context.Context, text []byte) ([]int32, error) {
	sa := make([]int32, len(text))
	err := sortSuffixes(ctx, text, sa, 256)

	return sa, err
}

// sorter sorts the suffixes of one text whose letters are below len(ends).
type sorter[T letter] struct {
	ctx  context.Context
	text []T
	sa   []int32
	isS  bitmap
	ends []int32 // scratch: start or end of the bucket of each letter
}

func sortSuffixes[T letter](ctx context.Context, text []T, sa []int32, letters int) error {
	if len(text) < 2 {
		clear(sa)

		return ctx.Err()
	}
	s := &sorter[T]{ctx: ctx, text: text, sa: sa, isS: make(bitmap, (len(text)+63)/64), ends: make([]int32, letters)}
	s.classify()

	// Sort the pieces. The order of the LMS suffixes does not matter yet.
	fill(sa)
	s.bucketEnds()
	for i := range text {
		if s.lms(i) {
			s.ends[text[i]]--
			sa[s.ends[text[i]]] = int32(i)
		}
	}
	err := s.induce()
	if err != nil {
		return err
	}

	count, err := s.sortLMS()
	if err != nil {
		return err
	}

	// sa[:count] are the sorted LMS suffixes. Each moves to the end of its
	// bucket, the last one first, so that none is overwritten before it moves.
	fill(sa[count:])
	s.bucketEnds()
	for i := count - 1; i >= 0; i-- {
		at := sa[i]
		sa[i] = -1
		s.ends[text[at]]--
		sa[s.ends[text[at]]] = at
	}

	return s.induce()
}

func (s *sorter[T]) classify() {
	for i := len(s.text) - 2; i >= 0; i-- {
		a, b := s.text[i], s.text[i+1]
		if a < b || a == b && s.isS.has(i+1) {
			s.isS.set(i)
		}
	}
}

func (s *sorter[T]) lms(i int) bool { return i > 0 && s.isS.has(i) && !s.isS.has(i-1) }

// nextLMS returns the first LMS position after i, or the end of the text.
func (s *sorter[T]) nextLMS(i int) int {
	for i++; i < len(s.text) && !s.lms(i); i++ {
	}

	return i
}

// bucketEnds sets ends to the end of the bucket of each letter.
func (s *sorter[T]) bucketEnds() {
	clear(s.ends)
	for _, c := range s.text {
		s.ends[c]++
	}
	total := int32(0)
	for c, n := range s.ends {
		total += n
		s.ends[c] = total
	}
}

func (s *sorter[T]) bucketStarts() {
	s.bucketEnds()
	copy(s.ends[1:], s.ends)
	s.ends[0] = 0
}

// someWork is the number of steps between two checks of the context.
const someWork = 1 << 20

// induce sorts all suffixes, given the LMS ones at the ends of their buckets. A
// suffix of type L is greater than the next one in the text, so an upward pass
// finds them in order. A downward pass finds those of type S.
func (s *sorter[T]) induce() error {
	text, sa, ends := s.text, s.sa, s.ends

	s.bucketStarts()
	last := len(text) - 1
	sa[ends[text[last]]] = int32(last)
	ends[text[last]]++
	for i := range sa {
		if i%someWork == 0 && s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		j := int(sa[i]) - 1
		// This suffix has type L or is LMS, so its predecessor has type L unless
		// it is smaller.
		if j >= 0 && text[j] >= text[j+1] {
			c := text[j]
			sa[ends[c]] = int32(j)
			ends[c]++
		}
	}

	s.bucketEnds()
	for i := len(sa) - 1; i >= 0; i-- {
		if i%someWork == 0 && s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		j := int(sa[i]) - 1
		if j >= 0 && s.isS.has(j) {
			c := text[j]
			ends[c]--
			sa[ends[c]] = int32(j)
		}
	}

	return nil
}

// sortLMS sorts the LMS suffixes, which are in the order of their pieces, to the
// start of sa and returns their number.
func (s *sorter[T]) sortLMS() (int, error) {
	text, sa := s.text, s.sa
	count := 0
	for _, at := range sa {
		if s.lms(int(at)) {
			sa[count] = at
			count++
		}
	}
	if count == 0 {
		return 0, nil
	}

	names, err := s.namePieces(count)
	if err != nil {
		return 0, err
	}
	reduced := sa[len(sa)-count:]
	if names < count {
		err := sortSuffixes(s.ctx, reduced, sa[:count], names)
		if err != nil {
			return 0, err
		}
	} else {
		for i, c := range reduced {
			sa[c] = int32(i)
		}
	}

	// From positions in the string of names to positions in the text.
	to := 0
	for i := range text {
		if s.lms(i) {
			reduced[to] = int32(i)
			to++
		}
	}
	for i, at := range sa[:count] {
		sa[i] = reduced[at]
	}

	return count, nil
}

// namePieces names the pieces at sa[:count] by rank, writes the names in the order
// of the text to the end of sa, and returns the number of different names.
func (s *sorter[T]) namePieces(count int) (int, error) {
	sa := s.sa
	// LMS positions are at least two apart, so half of each is a unique index for
	// its name, and there is room for them after count.
	names := sa[count:]
	fill(names)
	name, before := int32(-1), -1
	for i, at := range sa[:count] {
		if i%someWork == 0 && s.ctx.Err() != nil {
			return 0, s.ctx.Err()
		}
		if before < 0 || !s.samePiece(before, int(at)) {
			name++
		}
		before = int(at)
		names[at/2] = name
	}

	to := len(sa)
	for i := len(sa) - 1; i >= count; i-- {
		if sa[i] >= 0 {
			to--
			sa[to] = sa[i]
		}
	}

	return int(name) + 1, nil
}

// samePiece compares the pieces from two LMS positions to the next ones, including
// the letters there. A piece at the end of the text is unique.
func (s *sorter[T]) samePiece(a, b int) bool {
	n := s.nextLMS(a) - a
	if s.nextLMS(b)-b != n || max(a, b)+n >= len(s.text) {
		return false
	}
	for i := range n + 1 {
		if s.text[a+i] != s.text[b+i] {
			return false
		}
	}

	return true
}

func fill(sa []int32) {
	for i := range sa {
		sa[i] = -1
	}
}

type bitmap []uint64

func (b bitmap) set(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b bitmap) has(i int) bool { return b[i>>6]>>(i&63)&1 == 1 }
