// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bunzip

// walker puts the bytes of a column in order. Each step waits for memory, so it
// goes both ways at once.
type walker struct {
	// For each of the sorted rotations: which one begins a byte later, above its
	// own first byte; and which one a byte earlier, above its own last.
	later, earlier []uint32
}

// walk makes of the column of b its content.
func (w *walker) walk(b *block) error {
	n := len(b.column)
	if n > cap(w.later) {
		size := max(n, min(2*cap(w.later), maxLevel*levelSize))
		w.later, w.earlier = make([]uint32, size), make([]uint32, size)
	}
	later, earlier := w.later[:n], w.earlier[:n]
	var next [256]uint32
	at := uint32(0)
	for c, count := range b.counts {
		next[c] = at
		at += count
	}
	for i, c := range b.column {
		at := next[c]
		next[c]++
		later[at] = uint32(i)<<8 | uint32(c)
		earlier[i] = at<<8 | uint32(c)
	}

	forth, back := b.start, b.start
	i, j := 0, n-1
	for ; i < j; i, j = i+1, j-1 {
		f, e := later[forth], earlier[back]
		b.column[i], b.column[j] = byte(f), byte(e)
		forth, back = f>>8, e>>8
	}
	if i == j {
		b.column[i] = byte(later[forth])
		forth = later[forth] >> 8
	}
	// Of sorted rotations it is one way, or the same one several times.
	if forth != back {
		return invalid("a block that is not sorted")
	}

	return nil
}
