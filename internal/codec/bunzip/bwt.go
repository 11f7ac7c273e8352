// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bunzip

import "slices"

const (
	// lanes is how many ways are walked at once: each step waits for memory.
	lanes = 8

	// maxStarts is how many places there are to start from, and startEvery how
	// many bytes of a small block there are for each.
	maxStarts  = 128
	startEvery = 4 << 10

	// pageSize is the length of a piece of a way.
	pageSize = 512

	// begun marks a row at which a page begins; the rest of it is the page.
	begun = 1 << 31
)

// walker puts the bytes of a column in order.
//
// The way through the sorted rotations begins at one of them, and where it is
// later nobody knows before. But from wherever one starts, one comes to a place
// where somebody started, and what was passed is a piece of the way. So several
// are walked at once, and put together at the end.
type walker struct {
	// rows has, for each of the rotations, its first byte and, above it, which
	// rotation begins a byte later.
	rows  []uint32
	text  []byte // of pages
	pages []page
}

// page is a piece of the way, pageSize bytes at most.
type page struct {
	size int
	next uint32 // page
}

// lane is on its way.
type lane struct {
	row uint32 // as it was found in rows, not taken yet
	at  int    // in text
}

// walk makes of the column of b its content.
func (w *walker) walk(b *block) {
	n := len(b.column)
	w.sort(b)
	starts := min(maxStarts, n/startEvery)
	w.text = slices.Grow(w.text[:0], n+(2*starts+3)*pageSize)
	w.text = w.text[:cap(w.text)]
	w.pages = w.pages[:0]

	var on [lanes]lane
	on[0] = w.begin(b.start)
	started, going := 0, 1
	for going > 0 {
		// A place where nobody was is found often, until there are few left.
		for going < lanes && started < starts && len(w.pages)*pageSize < n-n/8 {
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
func (w *walker) sort(b *block) {
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

// begin begins a page at a row.
func (w *walker) begin(row uint32) lane {
	id := len(w.pages)
	l := lane{w.rows[row], id * pageSize}
	w.rows[row] = begun | uint32(id)
	w.pages = append(w.pages, page{})

	return l
}

// run walks on until a lane has come to where somebody was, and returns how many
// are left: the first ones.
func (w *walker) run(on []lane) int {
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
