// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bunzip

const (
	maxSymbols = 258 // 255 indexes, two for runs, and the end
	maxLength  = 20  // of a code, in bits
	shortBits  = 10  // of codes in a table
)

// table decodes the symbols of one code.
type table struct {
	// short has symbol<<5 | length of the code that starts with these bits, or 0
	// if the code is longer.
	short [1 << shortBits]uint16

	// For each length: the first longer code, as maxLength bits, and what to add
	// to a code of that length for its index in symbols.
	limit   [maxLength + 2]uint32
	offset  [maxLength + 1]int32
	symbols [maxSymbols]uint16 // by length
	whole   bool               // every sequence of bits starts with a code
}

// build makes the table of a canonical code. It returns false if there are too many
// codes for their lengths. If there are too few, the remaining ones have no
// meaning, and the table is valid only if it is not used.
func (t *table) build(lengths []uint8) bool {
	var count [maxLength + 1]int32
	for _, l := range lengths {
		count[l]++
	}
	code, place := int32(0), int32(0)
	var next [maxLength + 1]int32
	for l := 1; l <= maxLength; l++ {
		code <<= 1
		next[l], t.offset[l] = place, place-code
		code += count[l]
		place += count[l]
		if code > 1<<l {
			return false
		}
		t.limit[l] = uint32(code) << (maxLength - l)
	}
	t.whole = code == 1<<maxLength
	for s, l := range lengths {
		t.symbols[next[l]] = uint16(s)
		next[l]++
	}

	clear(t.short[:])
	rest := t.short[:]
	for _, s := range t.symbols[:len(lengths)] {
		l := lengths[s]
		if l > shortBits {
			break
		}
		n := 1 << (shortBits - l)
		for i := range rest[:n] {
			rest[i] = s<<5 | uint16(l)
		}
		rest = rest[n:]
	}

	return true
}

// long returns the entry of the code of more than shortBits that bits starts with.
func (t *table) long(bits uint64) uint16 {
	code := uint32(bits >> (64 - maxLength))
	l := shortBits + 1
	for l < maxLength && code >= t.limit[l] {
		l++
	}
	place := int32(code>>(maxLength-l)) + t.offset[l]

	return t.symbols[place]<<5 | uint16(l)
}
