// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bunzip

import "slices"

const (
	// maxCursors is how many paths are followed at once, because each step waits
	// for memory.
	maxCursors = 8

	// maxStarts limits the additional starts, of which there is at most one per
	// startEvery bytes.
	maxStarts  = 128
	startEvery = 4 << 10

	// pageSize is the largest part of a path, in bytes.
	pageSize = 512

	// begun marks a row at which a page starts. The other bits are the page.
	begun = 1 << 31
)

// inverter inverts the Burrows-Wheeler transform.
//
// The content is the path through the sorted rotations from the start of the block
// on. From any other start, the path reaches a row where another one started, and
// is a part of the whole. So several paths are followed at once, and joined at the
// end.
type inverter struct {
	// rows has for each rotation its first byte in the low bits, and above it the
	// rotation that starts one byte later.
	rows  []uint32
	text  []byte // of pages
	pages []page
}

// page is a part of a path, at most pageSize bytes.
type page struct {
	size int
	next uint32 // page
}

// cursor is the position on a path.
type cursor struct {
	row uint32 // the value in rows, not yet output
	at  int    // in text
}

// invert replaces the column of b by its content.
func (w *inverter) invert(b *block) {
	n := len(b.column)
	w.sort(b)
	starts := min(maxStarts, n/startEvery)
	w.text = slices.Grow(w.text[:0], n+(2*starts+3)*pageSize)
	w.text = w.text[:cap(w.text)]
	w.pages = w.pages[:0]

	var on [maxCursors]cursor
	on[0] = w.begin(b.start)
	started, going := 0, 1
	for going > 0 {
		// Most rows have no path yet, until near the end.
		for going < maxCursors && started < starts && len(w.pages)*pageSize < n-n/8 {
			started++
			if row := uint32(started * (n / (starts + 1))); w.rows[row] < begun {
				on[going] = w.begin(row)
				going++
			}
		}
		going = w.run(on[:going])
	}

	content, id := b.column[:0], uint32(0)
	for len(content) < n {
		p, from := w.pages[id], int(id)*pageSize
		content = append(content, w.text[from:from+min(p.size, n-len(content))]...)
		id = p.next
	}
}

// sort makes the rows of a column.
func (w *inverter) sort(b *block) {
	w.rows = slices.Grow(w.rows[:0], len(b.column))[:len(b.column)]
	var next [256]uint32
	at := uint32(0)
	for c, count := range b.counts {
		next[c] = at
		at += count
	}
	for i, c := range b.column {
		w.rows[next[c]] = uint32(i)<<8 | uint32(c)
		next[c]++
	}
}

// begin starts a page at a row.
func (w *inverter) begin(row uint32) cursor {
	id := len(w.pages)
	l := cursor{w.rows[row], id * pageSize}
	w.rows[row] = begun | uint32(id)
	w.pages = append(w.pages, page{})

	return l
}

// run follows the paths until one reaches a row where a page starts. It returns how
// many are left, which are the first ones.
func (w *inverter) run(on []cursor) int {
	rows, text := w.rows, w.text
	for {
		for i := range on {
			l := &on[i]
			text[l.at] = byte(l.row)
			l.at++
			next := l.row >> 8
			row := rows[next]
			if row < begun && l.at%pageSize != 0 {
				l.row = row

				continue
			}

			p := &w.pages[(l.at-1)/pageSize]
			p.size = (l.at-1)%pageSize + 1
			if row < begun {
				p.next = uint32(len(w.pages))
				*l = w.begin(next)

				continue
			}
			p.next = row &^ begun
			*l = on[len(on)-1]

			return len(on) - 1
		}
	}
}
