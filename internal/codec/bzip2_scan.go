// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding/binary"
	"io"
	"math/bits"
)

// What bzip2 writes before each block and at the end of a stream, at any bit
// of a byte. Nothing keeps either from turning up inside a block as well.
const (
	blockMagic = 0x314159265359
	finalMagic = 0x177245385090
	magicBits  = 48
	sumBits    = 32
)

// maxPiece bounds how much of the input is held for one block, in bytes. bzip2
// makes 1.01 times 900,000 bytes and 600 of what cannot be packed.
const maxPiece = 1 << 20

// finder finds the magics. The bits of its masks stand for the offset within
// a byte at which one begins: 0 to 7 for blockMagic, 8 to 15 for finalMagic.
type finder struct{ second, third [256]uint16 }

func newFinder() *finder {
	f := &finder{}
	for k := range 16 {
		// The magic fills the two bytes behind the one in which it begins.
		second, third := magicAt(k)>>(32+k%8), magicAt(k)>>(24+k%8)
		f.second[byte(second)] |= 1 << k
		f.third[byte(third)] |= 1 << k
	}

	return f
}

func magicAt(k int) uint64 {
	if k < 8 {
		return blockMagic
	}

	return finalMagic
}

// find returns the first byte of b, from the i-th on, in which a magic begins,
// and which bit of a mask it is. Without one it returns where to go on, with
// less than 8 bytes left, and -1. No two magics begin in the same byte, since
// neither repeats itself or the other within 7 bits.
func (f *finder) find(b []byte, i int) (at, which int) {
	for ; i+8 <= len(b); i++ {
		for m := f.second[b[i+1]] & f.third[b[i+2]]; m != 0; m &= m - 1 {
			k := bits.TrailingZeros16(m)
			if binary.BigEndian.Uint64(b[i:])>>(64-magicBits-k%8)&(1<<magicBits-1) == magicAt(k) {
				return i, k
			}
		}
	}

	return i, -1
}

type kind int

const (
	header kind = iota // of the first stream
	block
	final // the end of a stream, and the header of the next
)

// piece is the input from one magic to the next.
type piece struct {
	kind  kind
	raw   []byte // two bytes more than its own, but for the last piece
	skip  int    // the bit of raw[0] at which it begins
	bits  int    // how many there are
	own   int    // how many bytes of raw are not in the next piece's
	level byte   // '1' to '9', of the stream a block is in
	sum   uint32 // CRC of the block, or of the stream that ends
	last  bool   // the input ends with this stream
	odd   bool   // no compressor would make it; the scan stopped here

	job
}

// scanner cuts the input into pieces. It does not know which magics are real:
// what it says of a piece holds if all before it were decoded as cut.
type scanner struct {
	src   io.Reader
	find  func(b []byte, i int) (at, which int)
	store []byte
	in    []byte // read and in no piece yet, within store
	eof   bool
	kind  kind
	skip  int
	level byte
}

func newScanner(src io.Reader) *scanner {
	return &scanner{src: src, find: newFinder().find, store: make([]byte, readSize)}
}

// next returns the next piece, in buf if that is large enough. It must not be
// called again after one that is odd or the last. Errors are those of src.
func (s *scanner) next(buf []byte) (*piece, error) {
	p := &piece{kind: s.kind, skip: s.skip, raw: buf[:0]}
	i, which := 1, -1 // the piece's own magic begins in byte 0
	for {
		if i+8 <= len(s.in) {
			if i, which = s.find(s.in, i); which >= 0 {
				break
			}
		}
		i = min(i, len(s.in))
		p.raw = append(p.raw, s.in[:i]...)
		s.in = s.in[i:]
		if s.eof || len(p.raw) > maxPiece {
			return s.rest(p), nil
		}
		// Of an empty input, nothing was behind the first byte yet.
		if i = 0; len(p.raw) == 0 {
			i = 1
		}
		if err := s.fill(); err != nil {
			return nil, err
		}
	}

	p.own = len(p.raw) + i
	p.bits = 8*p.own + which%8 - p.skip
	p.raw = append(p.raw, s.in[:i+2]...)
	s.in, s.skip, s.kind = s.in[i:], which%8, block
	if which >= 8 {
		s.kind = final
	}
	s.judge(p)

	return p, nil
}

// rest makes a piece of all that is held, when no magic follows.
func (s *scanner) rest(p *piece) *piece {
	p.raw = append(p.raw, s.in...)
	s.in, p.own = nil, len(p.raw)
	p.bits = 8*p.own - p.skip
	p.last = s.eof && p.kind == final && p.own == endOf(p)
	if p.odd = !p.last; p.last {
		p.sum = bitsAt(p.raw, p.skip+magicBits)
	}

	return p
}

// judge reads what is in a piece besides a block's data.
func (s *scanner) judge(p *piece) {
	if p.kind != header {
		if p.odd = p.bits < magicBits+sumBits; p.odd {
			return
		}
		p.sum = bitsAt(p.raw, p.skip+magicBits)
	}
	if p.kind != block {
		// The next magic comes right behind the next header.
		h := p.raw[min(endOf(p), p.own):p.own]
		if p.odd = len(h) != 4 || s.skip != 0 || string(h[:3]) != "BZh" || h[3] < '1' || h[3] > '9'; p.odd {
			return
		}
		s.level = h[3]
	}
	p.level = s.level
}

// endOf returns at which byte of a piece that is no block the next stream
// begins, or the input ends.
func endOf(p *piece) int {
	if p.kind == header {
		return 0
	}

	return (p.skip + magicBits + sumBits + 7) / 8
}

// bitsAt returns the 32 bits from the n-th on.
func bitsAt(b []byte, n int) uint32 {
	var v uint64
	for i := range 5 {
		v <<= 8
		if n/8+i < len(b) {
			v |= uint64(b[n/8+i])
		}
	}

	return uint32(v >> (8 - n%8))
}

func (s *scanner) fill() error {
	s.in = s.store[:copy(s.store, s.in)]
	for range 100 {
		n, err := s.src.Read(s.store[len(s.in):])
		s.in = s.store[:len(s.in)+n]
		if s.eof = err == io.EOF; s.eof {
			return nil
		}
		if n > 0 || err != nil {
			return err
		}
	}

	return io.ErrNoProgress
}
