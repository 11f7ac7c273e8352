// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding/binary"
	"errors"
	"io"
)

const (
	// chunkSize and chunksAhead are how far a block is decoded ahead of its
	// turn: a block of level 9, unless its runs fold to more than a sixth. One
	// that unfolds to 45 MB waits for its reader like any other.
	chunkSize   = 64 << 10
	chunksAhead = 16
)

// errUnfit means that a block does not end with its piece.
var errUnfit = errors.New("block and piece end apart")

// job is a block on its way through a worker.
type job struct {
	chunks chan []byte

	// Set before chunks is closed: why the block failed, and whether it did so
	// before its first byte was sent. That may be for want of its end.
	err   error
	unfit bool
}

// worker decodes blocks. To its decoder it is one long input: each block is
// made a stream of its own, with the header before it and the end of a stream
// behind it, and bzip2 decoders read one stream after the other. So one decoder
// serves all blocks, and its tables are allocated once.
//
// All leans on what package bzip2 promises for an io.ByteReader: that no byte
// is read before it is needed. A block is read whole before its first byte
// comes out, so by then the position is known at which it ended, and a byte
// behind the stream is asked for only when both its CRCs were right. If the
// decoder read ahead, no block would fit, and bzip2Reader would decode them in
// turn.
type worker struct {
	open func(io.Reader) io.Reader
	todo <-chan *piece
	quit <-chan struct{}
	pool chan []byte

	p       *piece
	head    [4]byte
	whole   int // bytes between head and tail
	tail    []byte
	pos     int  // bytes of the stream given away
	started bool // the block was read to its right end, and its output began
}

func (w *worker) run() {
	for w.take() {
		w.decode()
	}
}

// take waits for the next piece.
func (w *worker) take() bool {
	select {
	case <-w.quit:
		return false
	case p, ok := <-w.todo:
		if !ok {
			return false
		}
		w.p, w.pos, w.started = p, 0, false
		w.head = [4]byte{'B', 'Z', 'h', p.level}
		w.whole = p.bits / 8
		w.tail = appendEnd(w.tail[:0], w.shifted(w.whole), p.bits%8, p.sum)

		return true
	}
}

// appendEnd appends the first bits of partial, the end of a stream and what
// fills the last byte.
func appendEnd(b []byte, partial byte, n int, sum uint32) []byte {
	var v [12]byte
	binary.BigEndian.PutUint64(v[:], finalMagic<<(16-n))
	v[0] |= partial &^ (0xff >> n)
	rest := uint64(sum) << (32 - n)
	for i := range 6 {
		v[6+i] |= byte(rest >> (56 - 8*i))
	}

	return append(b, v[:(n+magicBits+sumBits+7)/8]...)
}

// shifted returns the i-th byte of the block as if that began with a byte.
func (w *worker) shifted(i int) byte {
	return w.p.raw[i]<<w.p.skip | w.p.raw[i+1]>>(8-w.p.skip)
}

// decode runs one decoder until it fails or there is nothing to do.
func (w *worker) decode() {
	defer func() {
		if v := recover(); v != nil {
			w.finish(panicked(v))
		}
	}()
	r := w.open(w)
	for {
		buf := w.buffer()
		n, err := r.Read(buf)
		switch {
		case n > 0 && !w.fits():
			err = errUnfit
		case n > 0:
			select {
			case w.p.chunks <- buf[:n]:
			case <-w.quit:
				return
			}
		default:
			recycle(w.pool, buf)
		}
		if err != nil {
			w.finish(err)

			return
		}
	}
}

// fits tells whether the block ended in the byte in which it has to. If it did,
// but at another bit, then there is no magic where the decoder looks for one,
// and that is what it says, as it would of the original.
func (w *worker) fits() bool {
	w.started = w.started || w.pos == (8*len(w.head)+w.p.bits+7)/8

	return w.started
}

// finish hands back the piece, if there is one.
func (w *worker) finish(err error) {
	if w.p != nil {
		w.p.err, w.p.unfit = err, !w.started
		close(w.p.chunks)
		w.p = nil
	}
}

func (w *worker) buffer() []byte {
	select {
	case buf := <-w.pool:
		return buf[:chunkSize]
	default:
		return make([]byte, chunkSize)
	}
}

func recycle(pool chan []byte, buf []byte) {
	select {
	case pool <- buf:
	default:
	}
}

// ReadByte returns the next byte of the streams. Between two of them it waits
// for a piece. Inside a block that goes on where its piece ends, it is io.EOF.
func (w *worker) ReadByte() (byte, error) {
	if w.p != nil && w.pos == len(w.head)+w.whole+len(w.tail) && w.started {
		w.finish(nil)
		w.take()
	}
	if w.p == nil {
		return 0, io.EOF
	}
	i := w.pos - len(w.head)
	w.pos++
	switch {
	case i < 0:
		return w.head[w.pos-1], nil
	case i < w.whole:
		return w.shifted(i), nil
	case i < w.whole+len(w.tail):
		return w.tail[i-w.whole], nil
	default:
		return 0, io.EOF
	}
}

func (w *worker) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := w.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b

	return 1, nil
}
