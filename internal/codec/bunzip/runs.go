// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bunzip

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// unfolder unfolds runs: after four equal bytes comes how often there is another.
type unfolder struct {
	in   []byte
	last byte // came run times in a row
	run  int
	more int // times that last is yet to come

	sum, want uint32
	mirrored  [1024]byte
}

// begin takes a block whose content is in order.
func (u *unfolder) begin(b *block) {
	u.in, u.run, u.more = b.column, 0, 0
	u.sum, u.want = 0, bits.Reverse32(b.sum)
}

// read fills p, unless the block ends before.
func (u *unfolder) read(p []byte) int {
	n := 0
	for n < len(p) {
		if u.more > 0 {
			k := min(u.more, len(p)-n)
			fill(p[n:n+k], u.last)
			n += k
			u.more -= k

			continue
		}
		if len(u.in) == 0 {
			break
		}
		n += u.literal(p[n:])
	}
	u.add(p[:n])

	return n
}

// literal copies up to the next four equal bytes and takes the number behind.
func (u *unfolder) literal(p []byte) int {
	in, last, run := u.in, u.last, u.run
	n := min(len(in), len(p))
	for i, c := range in[:n] {
		if run == 4 {
			u.in, u.last, u.run, u.more = in[i+1:], last, 0, int(c)
			if c == 0 {
				// No compressor lets the same byte follow, which would not be
				// a new run to compress/bzip2.
				u.run = 1
			}

			return i
		}
		if c != last {
			run = 0
		}
		run++
		last = c
		p[i] = c
	}
	u.in, u.last, u.run = in[n:], last, run

	return n
}

// add takes p into the checksum. It is the usual CRC-32, for which there are
// instructions, of bytes whose bits go the other way.
func (u *unfolder) add(p []byte) {
	for len(p) > 0 {
		m := u.mirrored[:copy(u.mirrored[:], p)]
		p = p[len(m):]
		for rest := m; len(rest) > 0; {
			if len(rest) < 8 {
				rest[0] = bits.Reverse8(rest[0])
				rest = rest[1:]

				continue
			}
			v := binary.LittleEndian.Uint64(rest)
			v = v>>1&0x5555555555555555 | v&0x5555555555555555<<1
			v = v>>2&0x3333333333333333 | v&0x3333333333333333<<2
			v = v>>4&0x0f0f0f0f0f0f0f0f | v&0x0f0f0f0f0f0f0f0f<<4
			binary.LittleEndian.PutUint64(rest, v)
			rest = rest[8:]
		}
		u.sum = crc32.Update(u.sum, crc32.IEEETable, m)
	}
}
