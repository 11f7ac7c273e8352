// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bunzip

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// runDecoder decodes runs: the byte after four equal ones is the number of further
// ones.
type runDecoder struct {
	in   []byte
	last byte // the last byte
	run  int  // how often it occurred in a row
	more int  // how often it is still to be output

	sum, want uint32
	mirrored  [1024]byte
}

// begin starts with the content of a block.
func (u *runDecoder) begin(b *block) {
	u.in, u.run, u.more = b.column, 0, 0
	u.sum, u.want = 0, bits.Reverse32(b.sum)
}

// read fills p, or less at the end of the block.
func (u *runDecoder) read(p []byte) int {
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

// literal copies up to the next four equal bytes and reads the number after them.
func (u *runDecoder) literal(p []byte) int {
	in, last, run := u.in, u.last, u.run
	n := min(len(in), len(p))
	for i, c := range in[:n] {
		if run == 4 {
			u.in, u.last, u.run, u.more = in[i+1:], last, 0, int(c)
			if c == 0 {
				// The same byte may follow. compress/bzip2 does not start a new
				// run then, and no compressor writes it.
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

// add adds p to the checksum: the common CRC-32, for which processors have
// instructions, of bytes with reversed bits.
func (u *runDecoder) add(p []byte) {
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
