// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bunzip

import (
	"encoding/binary"
	"io"
)

const (
	readSize = 64 << 10

	// margin is what has to lie in the buffer before a group of symbols is read,
	// 50 of 20 bits, so that nothing has to be asked about each of them.
	margin = 50*20/8 + 3*8
)

// bitReader reads bits, the highest of a byte first. Behind the end of its input
// come zeros: whoever used some finds that out by failed.
type bitReader struct {
	src io.Reader
	buf []byte // as much as is read at once, and room for zeros
	pos int    // of the next byte to load
	end int    // of what was read
	eof bool
	err error // of src

	v uint64 // loaded bits, the next one on top
	n uint   // how many there are; those below are right, or zero
}

func newBitReader(src io.Reader) bitReader {
	return bitReader{src: src, buf: make([]byte, readSize+2*margin)}
}

// fill makes margin bytes available, if need be zeros.
func (r *bitReader) fill() {
	if r.pos+margin <= r.end {
		return
	}
	if r.eof {
		// Zeros enough, for ever: whoever is there has used some.
		r.pos = min(r.pos, readSize+margin)

		return
	}
	r.end = copy(r.buf, r.buf[r.pos:r.end])
	r.pos = 0
	for idle := 0; r.end < margin && !r.eof; idle++ {
		n, err := r.src.Read(r.buf[r.end:readSize])
		r.end += n
		if n > 0 {
			idle = 0
		}
		if err == nil && idle == 100 {
			err = io.ErrNoProgress
		}
		if err != nil {
			r.eof = true
			clear(r.buf[r.end:])
			if err != io.EOF {
				r.err = err
			}
		}
	}
}

// load makes at least 56 bits available, after a fill.
func (r *bitReader) load() {
	r.v |= binary.BigEndian.Uint64(r.buf[r.pos:]) >> r.n
	r.pos += int(63-r.n) >> 3
	r.n |= 56
}

// take returns the next n bits, 56 at most.
func (r *bitReader) take(n uint) uint64 {
	r.fill()
	r.load()
	v := r.v >> (64 - n)
	r.v <<= n
	r.n -= n

	return v
}

// left returns how many bits there are, which is negative if more were used.
// It means something only once the input has ended.
func (r *bitReader) left() int { return 8*(r.end-r.pos) + int(r.n) }

// failed returns why what was read is not all there.
func (r *bitReader) failed() error {
	switch {
	case !r.eof || r.left() >= 0:
		return nil
	case r.err != nil:
		return r.err
	default:
		return io.ErrUnexpectedEOF
	}
}

// align drops the bits up to the next byte, and tells whether the input goes on.
func (r *bitReader) align() (more bool, err error) {
	r.take(r.n % 8)
	r.fill()
	if r.eof && r.left() <= 0 {
		return false, r.err
	}

	return true, nil
}
