// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bunzip

const (
	maxSymbols = 258 // bytes, but for one, two of runs, the end
	maxLength  = 20  // of a code, bits
	shortBits  = 10  // of a code that is looked up at once
)

// table decodes the symbols of one code.
type table struct {
	// short has the symbol and length (symbol<<5 | length) of what begins with
	// these bits, and 0 where the code is longer.
	short [1 << shortBits]uint16

	// For each length: the first code, as maxLength bits, that is longer, and
	// what to add to a code of that length for its place among the symbols.
	limit   [maxLength + 2]uint32
	offset  [maxLength + 1]int32
	symbols [maxSymbols]uint16 // by length
	whole   bool               // every sequence of bits begins with a code
}

// build makes the table of a canonical code. It fails if there are more codes
// than the lengths have room for. With fewer, a decoder cannot say what the
// remaining ones mean: such a table is sound only if it is not used.
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

// long finds the entry of a code of more than shortBits, which bits begin with.
func (t *table) long(bits uint64) uint16 {
	code := uint32(bits >> (64 - maxLength))
	l := shortBits + 1
	for l < maxLength && code >= t.limit[l] {
		l++
	}
	place := int32(code>>(maxLength-l)) + t.offset[l]

	return t.symbols[place]<<5 | uint16(l)
}
