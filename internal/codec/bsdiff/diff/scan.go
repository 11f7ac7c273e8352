// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package diff

import "context"

const (
	// better is how many bytes an exact match must be better than the current
	// alignment to start a new triple.
	better = 8

	// maxDepth is the length of a match from which on there is no search for a
	// longer one. Without it, a file that repeats itself costs the square of its
	// size.
	maxDepth = 4 << 10
)

// scanner divides the new file into pieces.
type scanner struct {
	index    *index
	old, new []byte

	scan   int // position in the new file
	pos, n int // position and length of its match in the old file

	// The patch covers the new file up to doneNew. The next piece is aligned
	// with the old file from doneOld on.
	doneNew, doneOld int
}

// piece is the contents of one triple: add is the new bytes for old, and insert
// follows.
type piece struct {
	add, old, insert []byte
	seek             int
}

// advance moves scan to the next match that is better than the current alignment,
// or to the end.
func (s *scanner) advance(ctx context.Context) error {
	for s.scan < len(s.new) {
		s.scan += s.n
		s.n = 0
		score, counted := 0, s.scan
		for ; s.scan < len(s.new); s.scan++ {
			if s.scan%(1<<10) == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			s.find()
			// The score of the current alignment for the same bytes.
			for ; counted < s.scan+s.n; counted++ {
				if s.aligned(counted) {
					score++
				}
			}
			if s.n == score && s.n != 0 || s.n > score+better {
				break
			}
			if s.aligned(s.scan) {
				score--
			}
		}
		if s.n != score {
			break
		}
	}

	return ctx.Err()
}

// find sets pos and n for scan. Before, they are those of the previous byte, or 0.
func (s *scanner) find() {
	if s.n > maxDepth {
		s.pos++
		s.n--

		return
	}
	rest := s.new[s.scan:]
	s.pos, s.n = s.index.longest(rest[:min(len(rest), maxDepth)])
	if s.n == maxDepth {
		s.n += common(s.old[s.pos+s.n:], rest[s.n:])
	}
}

// aligned reports whether the byte at i matches in the current alignment.
func (s *scanner) aligned(i int) bool {
	j := i - s.doneNew + s.doneOld

	return j < len(s.old) && s.old[j] == s.new[i]
}

// take returns the piece before the match at scan. It extends the match backwards,
// and the current alignment forwards.
func (s *scanner) take() piece {
	ahead := s.forwards()
	if s.scan == len(s.new) {
		return s.cut(ahead, s.scan, s.doneOld+ahead)
	}

	back := s.backwards()
	if overlap := s.doneNew + ahead - (s.scan - back); overlap > 0 {
		keep := s.divide(s.doneNew+ahead-overlap, overlap)
		ahead += keep - overlap
		back -= keep
	}

	return s.cut(ahead, s.scan-back, s.pos-back)
}

// cut returns the piece up to end. The next one starts there and is aligned at pos.
func (s *scanner) cut(ahead, end, pos int) piece {
	p := piece{
		add:    s.new[s.doneNew : s.doneNew+ahead],
		old:    s.old[s.doneOld : s.doneOld+ahead],
		insert: s.new[s.doneNew+ahead : end],
		seek:   pos - (s.doneOld + ahead),
	}
	s.doneNew, s.doneOld = end, pos

	return p
}

// forwards returns the length, up to scan, for which matches minus mismatches of
// the current alignment are highest.
func (s *scanner) forwards() (length int) {
	right, best := 0, 0
	for i := 0; s.doneNew+i < s.scan && s.doneOld+i < len(s.old); {
		if s.old[s.doneOld+i] == s.new[s.doneNew+i] {
			right++
		}
		i++
		if 2*right-i > best {
			best, length = 2*right-i, i
		}
	}

	return length
}

// backwards is forwards for the match at scan, backwards.
func (s *scanner) backwards() (length int) {
	right, best := 0, 0
	for i := 1; s.scan-i >= s.doneNew && i <= s.pos; i++ {
		if s.old[s.pos-i] == s.new[s.scan-i] {
			right++
		}
		if 2*right-i > best {
			best, length = 2*right-i, i
		}
	}

	return length
}

// divide returns how many of the overlap bytes at from, which both alignments
// cover, belong to the current one.
func (s *scanner) divide(from, overlap int) (keep int) {
	this, next := from-s.doneNew+s.doneOld, from-s.scan+s.pos
	lead, best := 0, 0
	for i := range overlap {
		if s.old[this+i] == s.new[from+i] {
			lead++
		}
		if s.old[next+i] == s.new[from+i] {
			lead--
		}
		if lead > best {
			best, keep = lead, i+1
		}
	}

	return keep
}
