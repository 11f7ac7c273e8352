// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bunzip

import "encoding/binary"

// smallColumn is the first allocation for a block, in bytes.
const smallColumn = 16 << 10

// mover decodes the column of a block from its symbols, which are runs and indexes
// of a move-to-front list.
type mover struct {
	block *block
	size  int    // largest size of the block
	end   uint16 // symbol of the end of the block

	n          int    // bytes of the column
	front      uint64 // the first eight bytes of the list, the first one lowest
	list       [256]byte
	run, power int
}

func (m *mover) start(used []byte) {
	copy(m.list[:], used)
	m.front = binary.LittleEndian.Uint64(m.list[:])
	m.power = 1
	clear(m.block.counts[:])
	m.block.column = m.block.column[:min(cap(m.block.column), m.size+1)]
}

// group decodes the symbols of a group, or up to the end of the block. The buffer of
// in has at least margin bytes.
func (m *mover) group(in *bitReader, t *table) (ended bool, err error) {
	column, counts, front, k := m.block.column, &m.block.counts, m.front, m.n
	buf, pos, v, n := in.buf, in.pos, in.v, in.n
	for range groupSize {
		v |= binary.BigEndian.Uint64(buf[pos:]) >> (n & 63)
		pos += int(63-n) >> 3
		n |= 56
		entry := t.short[v>>(64-shortBits)]
		if entry == 0 {
			entry = t.long(v)
		}
		v <<= entry & 31
		n -= uint(entry & 31)

		symbol := entry >> 5
		if symbol < 2 {
			if m.run += m.power << symbol; m.run > m.size {
				err = invalid("a run that is too long")

				break
			}
			m.power <<= 1

			continue
		}
		if more := m.run + 1; k+more > len(column) {
			if column = m.grow(k, more); column == nil {
				err = invalid("a block that is too long")

				break
			}
		}
		if m.run > 0 {
			c := byte(front)
			fill(column[k:k+m.run], c)
			counts[c] += uint32(m.run)
			k += m.run
			m.run, m.power = 0, 1
		}
		if symbol == m.end {
			ended = true

			break
		}

		var c byte
		if i := uint(symbol) - 1; i < 8 {
			// The bytes before it move back by one.
			c = byte(front >> (8 * i))
			moved := uint64(2)<<(8*i+7) - 1
			front = front&^moved | front<<8&moved | uint64(c)
		} else {
			c = m.list[i]
			copy(m.list[9:i+1], m.list[8:i])
			m.list[8] = byte(front >> 56)
			front = front<<8 | uint64(c)
		}
		column[k] = c
		counts[c]++
		k++
	}
	in.pos, in.v, in.n = pos, v, n
	m.front, m.n = front, k
	if ended {
		m.block.column = column[:k]
	}

	return ended, err
}

// grow makes room for n bytes after the first k of the column. It returns nil if
// that is more than a block, in which the symbol of its end counts as one byte.
func (m *mover) grow(k, n int) []byte {
	if k+n > m.size+1 {
		return nil
	}
	column := make([]byte, min(max(k+n, 4*len(m.block.column), smallColumn), m.size+1))
	copy(column, m.block.column[:k])
	m.block.column = column

	return column
}

// fill sets all bytes of b to c.
func fill(b []byte, c byte) {
	if c == 0 {
		clear(b)

		return
	}
	for i := range b {
		b[i] = c
	}
}
