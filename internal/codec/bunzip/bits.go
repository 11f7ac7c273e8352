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

	// margin is how many bytes must be in the buffer before a group of 50 symbols
	// of 20 bits is read, so that they are read without checks.
	margin = 50*20/8 + 3*8
)

// bitReader reads bits, the highest of a byte first. After the end of its input it
// returns zeros; failed reports whether some were used.
type bitReader struct {
	src io.Reader
	buf []byte // of one read, and room for zeros
	pos int    // of the next byte to load
	end int    // of the bytes that were read
	eof bool
	err error // of src

	v uint64 // loaded bits, the next one is the highest
	n uint   // number of loaded bits; lower bits of v are correct or zero
}

func newBitReader(src io.Reader) bitReader {
	return bitReader{src: src, buf: make([]byte, readSize+2*margin)}
}

// fill makes margin bytes available, which are zeros after the end.
func (r *bitReader) fill() {
	if r.pos+margin <= r.end {
		return
	}
	if r.eof {
		// Zeros without end, some of which were used.
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

// left returns the number of bits left, which is negative if zeros were used. It is
// valid only after the end of the input.
func (r *bitReader) left() int { return 8*(r.end-r.pos) + int(r.n) }

// failed returns an error if zeros after the end were used.
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

// align skips to the next byte and reports whether there is more input.
func (r *bitReader) align() (more bool, err error) {
	r.take(r.n % 8)
	r.fill()
	if r.eof && r.left() <= 0 {
		return false, r.err
	}

	return true, nil
}
