// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// seedSize is what a seed unfolds to, in bytes.
const seedSize = 4

// width is the length of a symbol's code in a seed.
const width = 3

// seed returns the start of a bzip2 stream after which a decoder's CRC of the
// stream is fold and the next bit is the skip-th of a byte: the header and one
// block, whose four bytes have that CRC. So a stream can be decoded from a
// block in its midst, and whoever does still compares the CRC of all of it.
// Unless skip is 0, the last byte has only skip bits, followed by zeros.
func seed(level byte, fold uint32, skip int) []byte {
	content := preimage(fold)
	last, row := burrowsWheeler(content)
	used := alphabet(content)
	symbols := moveToFront(last, used)

	var w bitWriter
	w.put(binary.BigEndian.Uint64([]byte{0, 0, 0, 0, 'B', 'Z', 'h', level}), 32)
	w.put(blockMagic, magicBits)
	w.put(uint64(fold), sumBits)
	w.put(0, 1) // not randomised
	w.put(uint64(row), 24)
	w.putUsed(used)
	w.put(2, 3) // tables

	// One selector is enough. Others, a bit each, move the end.
	tables := 2 * (5 + len(used) + 2)
	end := w.n + 15 + 1 + tables + len(symbols)*width
	more := (skip - end) & 7
	w.put(uint64(1+more), 15)
	w.put(0, 1+more)
	for range 2 {
		w.put(width, 5)
		w.put(0, len(used)+2) // each as long as the one before
	}
	for _, s := range symbols {
		w.put(uint64(s), width)
	}

	return w.b
}

// preimage returns the four bytes whose CRC, as bzip2 computes it, is sum:
// there is one for each, found by running the register backwards.
func preimage(sum uint32) (content [seedSize]byte) {
	const poly = 0x04C11DB7
	register := ^sum
	for range 32 {
		if register&1 != 0 {
			register = (register^poly)>>1 | 1<<31
		} else {
			register >>= 1
		}
	}
	binary.BigEndian.PutUint32(content[:], ^register)

	return content
}

// burrowsWheeler returns the last column of the sorted rotations, and which of
// them is the content.
func burrowsWheeler(content [seedSize]byte) (last []byte, row int) {
	rotations := make([]uint32, seedSize)
	for i := range rotations {
		rotations[i] = bits.RotateLeft32(binary.BigEndian.Uint32(content[:]), 8*i)
	}
	first := rotations[0]
	slices.Sort(rotations)
	for _, r := range rotations {
		last = append(last, byte(r))
	}

	return last, slices.Index(rotations, first)
}

// alphabet returns the bytes of the content, in order, and so many others that
// there is a symbol for each code of width bits: the bytes and two more.
// package bzip2 misreads codes that are not complete.
func alphabet(content [seedSize]byte) []byte {
	used := slices.Compact(slices.Sorted(slices.Values(content[:])))
	for b := byte(0); len(used) < 1<<width-2; b++ {
		if !slices.Contains(used, b) {
			used = append(used, b)
		}
	}
	slices.Sort(used)

	return used
}

// moveToFront returns what is coded for a column: numbers of bytes in a list
// from which each moves to the front, and runs of the front as binary numbers
// of the digits 1 and 2, written 0 and 1.
func moveToFront(column, used []byte) (symbols []int) {
	list, run := slices.Clone(used), 0
	flush := func() {
		for ; run > 0; run = (run - 1) / 2 {
			symbols = append(symbols, 1-run%2)
		}
	}
	for _, b := range column {
		i := slices.Index(list, b)
		if i == 0 {
			run++

			continue
		}
		flush()
		symbols = append(symbols, i+1)
		list = slices.Insert(slices.Delete(list, i, i+1), 0, b)
	}
	flush()

	return append(symbols, len(used)+1)
}

// bitWriter writes the highest bit of a byte first.
type bitWriter struct {
	b []byte
	n int
}

// put appends the lowest n bits of v.
func (w *bitWriter) put(v uint64, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

// putUsed appends which bytes there are: which sixteens, and which of each.
func (w *bitWriter) putUsed(used []byte) {
	var sixteens uint64
	var of [16]uint64
	for _, b := range used {
		sixteens |= 1 << (15 - b/16)
		of[b/16] |= 1 << (15 - b%16)
	}
	w.put(sixteens, 16)
	for _, set := range of {
		if set != 0 {
			w.put(set, 16)
		}
	}
}
