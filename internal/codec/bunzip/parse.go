// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bunzip

import (
	"io"
	"math/bits"
	"slices"
)

const (
	blockMagic = 0x314159265359
	finalMagic = 0x177245385090

	levelSize = 100_000 // bytes of a block, for each level
	maxLevel  = 9

	maxTables = 6
	groupSize = 50 // symbols with the same table
)

// invalid is an error in the input.
type invalid string

func (e invalid) Error() string { return "bzip2: " + string(e) }

// block is a decoded block: the last column of its sorted rotations, and after
// invert the content.
type block struct {
	column []byte
	start  uint32 // the rotation that is the content
	sum    uint32 // CRC of the output
	counts [256]uint32

	err  error         // of invert
	done chan struct{} // receives a value after invert
}

// parser decodes blocks.
type parser struct {
	in    bitReader
	level int    // of the stream, 0 before the first
	fold  uint32 // combined CRC of its blocks

	used      []byte  // bytes that occur in the block
	selectors []uint8 // table of each group
	lengths   [maxSymbols]uint8
	tables    [maxTables]table
}

// next decodes the next block, after headers and ends of streams. It returns io.EOF
// at a valid end.
func (p *parser) next(b *block) error {
	more, err := p.toBlock()
	if err == nil && more {
		err = p.block(b)
	}
	// Errors in zeros after the end do not matter.
	if failed := p.in.failed(); failed != nil {
		return failed
	}
	if err == nil && !more {
		return io.EOF
	}

	return err
}

// toBlock reads up to the next block, including its magic, if there is one.
func (p *parser) toBlock() (more bool, err error) {
	if p.level == 0 {
		if err := p.header(); err != nil {
			return false, err
		}
	}
	for {
		switch p.in.take(48) {
		case blockMagic:
			return true, nil
		case finalMagic:
			if uint32(p.in.take(32)) != p.fold {
				return false, invalid("wrong checksum of a stream")
			}
			if more, err := p.in.align(); !more || err != nil {
				return false, err
			}
			if err := p.header(); err != nil {
				return false, err
			}
		default:
			return false, invalid("neither a block nor the end of a stream")
		}
	}
}

func (p *parser) header() error {
	magic, level := p.in.take(24), int(p.in.take(8))-'0'
	if magic != 'B'<<16|'Z'<<8|'h' || level < 1 || level > maxLevel {
		return invalid("invalid header of a stream")
	}
	p.level, p.fold = level, 0

	return nil
}

// block decodes a block after its magic.
func (p *parser) block(b *block) error {
	b.sum = uint32(p.in.take(32))
	p.fold = bits.RotateLeft32(p.fold, 1) ^ b.sum
	if p.in.take(1) != 0 {
		return invalid("a randomised block")
	}
	b.start = uint32(p.in.take(24))
	p.readUsed()
	if len(p.used) == 0 {
		return invalid("an empty block")
	}
	tables := int(p.in.take(3))
	if tables < 2 || tables > maxTables {
		return invalid("an invalid number of tables")
	}
	if err := p.readSelectors(tables); err != nil {
		return err
	}
	for i := range tables {
		if err := p.readTable(&p.tables[i]); err != nil {
			return err
		}
	}
	if err := p.readColumn(b); err != nil {
		return err
	}
	if int(b.start) >= len(b.column) {
		return invalid("the start of a block is outside of it")
	}

	return nil
}

// readUsed reads which bytes occur: which groups of 16, and which of each.
func (p *parser) readUsed() {
	p.used = p.used[:0]
	sixteens := p.in.take(16)
	for i := range 16 {
		if sixteens>>(15-i)&1 == 0 {
			continue
		}
		of := p.in.take(16)
		for j := range 16 {
			if of>>(15-j)&1 != 0 {
				p.used = append(p.used, byte(16*i+j))
			}
		}
	}
}

func (p *parser) readSelectors(tables int) error {
	n := int(p.in.take(15))
	p.selectors = slices.Grow(p.selectors[:0], n)
	list := [maxTables]uint8{0, 1, 2, 3, 4, 5}
	for range n {
		i := 0
		for p.in.take(1) != 0 {
			if i++; i == tables {
				return invalid("a selector of an unknown table")
			}
		}
		s := list[i]
		copy(list[1:], list[:i])
		list[0] = s
		p.selectors = append(p.selectors, s)
	}

	return nil
}

func (p *parser) readTable(t *table) error {
	lengths := p.lengths[:len(p.used)+2]
	length := uint8(p.in.take(5))
	for i := range lengths {
		for {
			if length < 1 || length > maxLength {
				return invalid("a code of invalid length")
			}
			if p.in.take(1) == 0 {
				break
			}
			length += 1 - 2*uint8(p.in.take(1))
		}
		lengths[i] = length
	}
	if !t.build(lengths) {
		return invalid("too many codes")
	}

	return nil
}

// readColumn decodes the symbols: indexes in a move-to-front list, and the lengths
// of runs of its front as binary numbers with the digits 1 and 2.
func (p *parser) readColumn(b *block) error {
	m := mover{block: b, size: p.level * levelSize, end: uint16(len(p.used) + 1)}
	m.start(p.used)
	for _, s := range p.selectors {
		t := &p.tables[s]
		if !t.whole {
			return invalid("an incomplete code")
		}
		p.in.fill()
		ended, err := m.group(&p.in, t)
		if ended || err != nil {
			return err
		}
	}

	return invalid("too few groups of symbols")
}
