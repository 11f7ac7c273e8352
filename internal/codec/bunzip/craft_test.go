// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bunzip

import (
	"bytes"
	"compress/bzip2"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
)

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

// crafted is a stream of one block that no compressor would make.
type crafted struct {
	column     string
	start      int
	sum        uint32
	randomised uint64
	lengths    [][]uint8 // of the codes of the used bytes and two more
	selectors  []uint8   // numbers in the list of tables; enough of 0 if nil
	symbols    []int     // instead of those of the column
}

func (c *crafted) used() []byte {
	return slices.Compact(slices.Sorted(slices.Values([]byte(c.column))))
}

// moved returns the symbols of the column.
func (c *crafted) moved() (symbols []int) {
	list, run := c.used(), 0
	end := len(list) + 1
	flush := func() {
		for ; run > 0; run = (run - 1) / 2 {
			symbols = append(symbols, 1-run%2)
		}
	}
	for _, b := range []byte(c.column) {
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

	return append(symbols, end)
}

// even are lengths of a complete code of n symbols.
func even(n int) []uint8 {
	l := 1
	for 1<<l < n {
		l++
	}
	lengths := slices.Repeat([]uint8{uint8(l)}, n)
	for i := range 1<<l - n {
		lengths[i]--
	}

	return lengths
}

func (c *crafted) compress() []byte {
	used := c.used()
	symbols := c.symbols
	if symbols == nil {
		symbols = c.moved()
	}
	lengths := c.lengths
	if lengths == nil {
		lengths = [][]uint8{even(len(used) + 2), even(len(used) + 2)}
	}
	selectors := c.selectors
	if selectors == nil {
		selectors = make([]uint8, len(symbols)/groupSize+1)
	}
	w := &bitWriter{}
	w.put('B'<<24|'Z'<<16|'h'<<8|'1', 32)
	w.put(blockMagic, 48)
	w.put(uint64(c.sum), 32)
	w.put(c.randomised, 1)
	w.put(uint64(c.start), 24)
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
	w.put(uint64(len(lengths)), 3)
	w.put(uint64(len(selectors)), 15)
	for _, s := range selectors {
		w.put(1<<(s+1)-2, int(s)+1)
	}
	for _, l := range lengths {
		putLengths(w, l)
	}
	codes := canonical(lengths[0])
	for _, s := range symbols {
		w.put(codes[s], int(lengths[0][s]))
	}
	w.put(finalMagic, 48)
	w.put(uint64(c.sum), 32)

	return w.b
}

func putLengths(w *bitWriter, lengths []uint8) {
	w.put(uint64(lengths[0]), 5)
	at := lengths[0]
	for _, l := range lengths {
		for ; at < l; at++ {
			w.put(2, 2)
		}
		for ; at > l; at-- {
			w.put(3, 2)
		}
		w.put(0, 1)
	}
}

func canonical(lengths []uint8) []uint64 {
	codes, code := make([]uint64, len(lengths)), uint64(0)
	for l := range uint8(maxLength + 1) {
		code <<= 1
		for s := range lengths {
			if lengths[s] == l {
				codes[s] = code
				code++
			}
		}
	}

	return codes
}

// summed is the stream with the checksum that the standard library wants for it.
func (c *crafted) summed() []byte {
	content, _ := io.ReadAll(bzip2.NewReader(bytes.NewReader(c.compress())))
	c.sum = sumOf(content)

	return c.compress()
}

// sumOf is the CRC of a block, bit by bit as its definition goes.
func sumOf(data []byte) uint32 {
	sum := ^uint32(0)
	for _, b := range data {
		sum ^= uint32(b) << 24
		for range 8 {
			top := sum >> 31
			sum = sum<<1 ^ top*0x04C11DB7
		}
	}

	return ^sum
}

func TestCraftedBlocks(t *testing.T) {
	// The rotations of abracadabra, sorted, end in rdarcaaaabb.
	good := func() *crafted { return &crafted{column: "rdarcaaaabb", start: 2} }
	got, err := decompress(bytes.NewReader(good().summed()), 100)
	require.NoError(t, err)
	require.Equal(t, "abracadabra", string(got))
	code := even(7)

	for name, tc := range map[string]struct {
		change func(*crafted)
		want   error
	}{
		"unchanged":            {func(*crafted) {}, nil},
		"wrong sum":            {func(c *crafted) { c.sum++ }, invalid("wrong checksum of a block")},
		"randomised":           {func(c *crafted) { c.randomised = 1 }, invalid("a randomised block")},
		"start at the end":     {func(c *crafted) { c.start = 11 }, invalid("the start of a block is outside of it")},
		"start far outside":    {func(c *crafted) { c.start = 1<<24 - 1 }, invalid("the start of a block is outside of it")},
		"no byte is used":      {func(c *crafted) { c.column, c.start = "", 0 }, invalid("an empty block")},
		"no byte occurs":       {func(c *crafted) { c.symbols, c.start = []int{6}, 0 }, invalid("the start of a block is outside of it")},
		"one table":            {func(c *crafted) { c.lengths = [][]uint8{code} }, invalid("an invalid number of tables")},
		"six tables":           {func(c *crafted) { c.lengths = [][]uint8{code, code, code, code, code, code} }, nil},
		"seven tables":         {func(c *crafted) { c.lengths = [][]uint8{code, code, code, code, code, code, code} }, invalid("an invalid number of tables")},
		"no selector":          {func(c *crafted) { c.selectors = []uint8{} }, invalid("too few groups of symbols")},
		"selectors not needed": {func(c *crafted) { c.selectors = make([]uint8, 1<<15-1) }, nil},
		"no such selector":     {func(c *crafted) { c.selectors = []uint8{0, 2} }, invalid("a selector of an unknown table")},
		"a group too few":      {func(c *crafted) { c.symbols = slices.Repeat([]int{2}, 60); c.selectors = []uint8{0} }, invalid("too few groups of symbols")},
		"length 0":             {func(c *crafted) { c.lengths = [][]uint8{code, {1, 2, 3, 4, 5, 6, 0}} }, invalid("a code of invalid length")},
		"length 21":            {func(c *crafted) { c.lengths = [][]uint8{code, {1, 2, 3, 4, 5, 6, 21}} }, invalid("a code of invalid length")},
		"too many codes":       {func(c *crafted) { c.lengths = [][]uint8{code, {2, 2, 2, 2, 3, 3, 3}} }, invalid("too many codes")},
		"incomplete, used":     {func(c *crafted) { c.lengths = [][]uint8{{3, 3, 3, 3, 3, 3, 3}, code} }, invalid("an incomplete code")},
		"incomplete, not used": {func(c *crafted) { c.lengths = [][]uint8{code, {3, 3, 3, 3, 3, 3, 3}} }, nil},
		"long codes":           {func(c *crafted) { c.lengths = [][]uint8{{1, 2, 3, 4, 5, 6, 6}, code} }, nil},
		"a run too long":       {func(c *crafted) { c.symbols = slices.Repeat([]int{0}, 18) }, invalid("a run that is too long")},
		"runs past the end": {func(c *crafted) {
			c.symbols = append(append(slices.Repeat([]int{0}, 16), 2), append(slices.Repeat([]int{0}, 16), 2, 6)...)
		}, invalid("a block that is too long")},
		"no sorted rotations":   {func(c *crafted) { c.column = "aabracadabr" }, nil},
		"rotations of a period": {func(c *crafted) { c.column, c.start, c.lengths = "bbaa", 0, [][]uint8{even(4), even(4)} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := good()
			tc.change(c)
			compressed := c.compress()
			if name != "wrong sum" {
				compressed = c.summed()
			}
			_, err := decompress(bytes.NewReader(compressed), 1<<20)
			require.Equal(t, tc.want, err)
			agree(t, compressed, true)
		})
	}
}

// A block is not longer than its level allows. Its last symbol is part of a run, of
// a run after a byte, or a byte.
func TestLengthOfABlock(t *testing.T) {
	race.Skip(t, "too slow; TestRefused decodes some of the same inputs")
	for n := levelSize - 1; n <= levelSize+2; n++ {
		for _, end := range []string{"", "bbb", "b"} {
			c := &crafted{column: string(bytes.Repeat([]byte("a"), n-len(end))) + end}
			var p parser
			p.in = newBitReader(bytes.NewReader(c.compress()))
			var b block
			err := p.next(&b)
			if n > levelSize {
				require.IsType(t, invalid(""), err, "%d bytes", n)
			} else {
				require.NoError(t, err)
				require.Equal(t, c.column, string(b.column))
			}
			agree(t, c.summed(), true)
		}
	}
}

// If a column is not that of sorted rotations, or the content is periodic, the path
// covers a part of it several times.
func TestInvertAnyColumn(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{1, 2, pageSize - 1, pageSize, pageSize + 1, startEvery, 10 * startEvery, levelSize} {
		for kinds := 1; kinds <= 256; kinds *= 4 {
			b := &block{column: make([]byte, n), start: uint32(random.IntN(n))}
			for i := range b.column {
				// Paths are long if the bytes are sorted.
				b.column[i] = byte(random.IntN(kinds))
				if kinds == 4 {
					b.column[i] = byte(4 * i / n)
				}
				b.counts[b.column[i]]++
			}
			var w inverter
			w.sort(b)
			want, row := make([]byte, n), b.start
			for i := range want {
				want[i], row = byte(w.rows[row]), w.rows[row]>>8
			}
			w.invert(b)
			require.True(t, bytes.Equal(want, b.column), "%d bytes of %d kinds", n, kinds)
		}
	}
}

// Codes of all lengths, at all bit offsets, and a block that ends within a group.
func TestCodesOfAllLengths(t *testing.T) {
	var lengths []uint8
	for l := range uint8(maxLength) {
		lengths = append(lengths, l+1)
	}
	lengths = append(lengths, maxLength)
	column := make([]byte, 0, 19*19)
	for i := range 19 {
		for j := range 19 {
			column = append(column, byte('a'+(i*j+j)%19))
		}
	}
	for range 3 {
		c := &crafted{column: string(column), lengths: [][]uint8{lengths, even(21)}}
		agree(t, c.summed(), true)
		var p parser
		p.in = newBitReader(bytes.NewReader(c.compress()))
		var b block
		require.NoError(t, p.next(&b))
		require.Equal(t, string(column), string(b.column))
		slices.Reverse(lengths)
		column = append(column, column[:50]...)
	}
}

// FuzzBlock compares the output for any column with the standard library.
func FuzzBlock(f *testing.F) {
	f.Add("rdarcaaaabb", uint32(2))
	f.Add("bbaa", uint32(1))
	f.Add("aaaa\x00aaaab", uint32(3))
	f.Fuzz(func(t *testing.T, column string, start uint32) {
		if len(column) == 0 || len(column) > 10_000 {
			return
		}
		agree(t, (&crafted{column: column, start: int(start % uint32(len(column)))}).summed(), false)
	})
}
