// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package diff

import "context"

const (
	// better is by how many bytes an exact match has to beat the alignment in
	// force to be worth a new triple.
	better = 8

	// maxDepth is how long a match has to be for the search not to look for a
	// longer one elsewhere. Without it, a file that repeats itself would cost
	// the square of its size.
	maxDepth = 4 << 10
)

// scanner walks through the new file and cuts it into pieces.
type scanner struct {
	index    *index
	old, new []byte

	scan   int // where it looks in the new file
	pos, n int // where in the old file what is there was found, and how much

	// What lies before doneNew is in the patch; the piece to come is aligned
	// with the old file from doneOld on.
	doneNew, doneOld int
}

// piece is what one triple says: add is made from the old bytes beside it,
// insert follows as it is.
type piece struct {
	add, old, insert []byte
	seek             int
}

// advance moves scan to where a match begins that is better than to go on as
// before, or to the end.
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
			// How well the alignment in force does over the same stretch.
			for ; counted < s.scan+s.n; counted++ {
				if s.goesOn(counted) {
					score++
				}
			}
			if s.n == score && s.n != 0 || s.n > score+better {
				break
			}
			if s.goesOn(s.scan) {
				score--
			}
		}
		if s.n != score {
			break
		}
	}

	return ctx.Err()
}

// find sets pos and n for scan. They are what it found one byte before, or 0.
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

// goesOn tells whether the alignment in force gives the byte at i.
func (s *scanner) goesOn(i int) bool {
	j := i - s.doneNew + s.doneOld

	return j < len(s.old) && s.old[j] == s.new[i]
}

// take cuts off the piece between what is done and the match at scan, which it
// grows backwards while it grows the last one forwards.
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

// cut returns the piece up to end, and begins the next one there and at pos.
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

// forwards returns the length, up to scan, at which the alignment in force has
// most more bytes right than wrong.
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

// backwards does the same for the match at scan.
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
// reach, the one in force should keep.
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
