// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"io"
	"math/bits"
	"runtime"
	"sync"
)

// maxWorkers bounds how many blocks are decoded at once, and with that the
// memory: each takes 3.6 MB of tables besides its input and output.
const maxWorkers = 4

func workers() int { return min(runtime.GOMAXPROCS(0), maxWorkers) }

// bzip2Reader decodes the blocks of bzip2 streams at the same time, each with
// the standard library's decoder. Read cuts the input, hands out the pieces,
// and puts together what comes back, in order.
//
// It knows only streams as compressors make them. At anything else, such as a
// magic inside a block or a wrong CRC of a stream, it hands all that follows to
// one decoder of the standard library, whose verdict it is then. So it accepts
// what that accepts, and an artifact made to cost time costs no more than that
// would take, and the blocks that were on their way.
type bzip2Reader struct {
	scanner *scanner
	open    func(io.Reader) io.Reader
	workers int

	queue  []*piece // cut, oldest first
	ended  bool     // the newest of them has no next
	level  byte     // of the stream being read
	fold   uint32   // of the CRCs of its blocks up to here
	rest   []byte   // of chunk, not read yet
	chunk  []byte
	spare  [][]byte  // for pieces
	serial io.Reader // the one decoder for all that follows

	started int
	todo    chan *piece
	quit    chan struct{}
	pool    chan []byte
	running sync.WaitGroup
}

func newBzip2(src io.Reader, workers int) io.Reader {
	if workers < 2 {
		return bzip2.NewReader(bufio.NewReaderSize(src, readSize))
	}
	// As many blocks wait as others are decoded or read.
	ahead := workers + 2

	return &bzip2Reader{
		scanner: newScanner(src),
		open:    bzip2.NewReader,
		workers: workers,
		queue:   make([]*piece, 0, ahead),
		todo:    make(chan *piece, ahead),
		quit:    make(chan struct{}),
		pool:    make(chan []byte, ahead*chunksAhead),
	}
}

func (z *bzip2Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for z.serial == nil {
		if len(z.rest) > 0 {
			n := copy(p, z.rest)
			if z.rest = z.rest[n:]; len(z.rest) == 0 {
				recycle(z.pool, z.chunk)
			}

			return n, nil
		}
		if err := z.cut(); err != nil {
			return 0, err
		}
		if err := z.step(); err != nil {
			return 0, err
		}
	}

	return z.serial.Read(p)
}

// cut fills the queue, and starts workers as long as there is work for one
// more.
func (z *bzip2Reader) cut() error {
	for len(z.queue) < cap(z.queue) && !z.ended {
		var buf []byte
		if n := len(z.spare); n > 0 {
			buf, z.spare = z.spare[n-1], z.spare[:n-1]
		}
		p, err := z.scanner.next(buf)
		if err != nil {
			return err
		}
		z.queue, z.ended = append(z.queue, p), p.odd || p.last
		if p.kind != block || p.odd {
			continue
		}
		p.chunks = make(chan []byte, chunksAhead)
		z.todo <- p
		if z.started < z.workers {
			z.started++
			w := &worker{open: z.open, todo: z.todo, quit: z.quit, pool: z.pool}
			z.running.Go(w.run)
		}
	}

	return nil
}

// step takes what is next of the oldest piece.
func (z *bzip2Reader) step() error {
	p := z.queue[0]
	if p.odd || p.kind == final && p.sum != z.fold {
		return z.fallBack()
	}
	if p.kind == block {
		if chunk, ok := <-p.chunks; ok {
			z.chunk, z.rest = chunk, chunk

			return nil
		}
		if p.unfit {
			return z.fallBack()
		}
		if p.err != nil {
			return p.err
		}
		z.fold = bits.RotateLeft32(z.fold, 1) ^ p.sum
	} else {
		z.fold, z.level = 0, p.level
	}
	if p.last {
		return io.EOF
	}
	z.spare = append(z.spare, p.raw)
	z.queue = append(z.queue[:0], z.queue[1:]...)

	return nil
}

// fallBack gives the input from the oldest piece on to one decoder.
func (z *bzip2Reader) fallBack() error {
	z.stop()
	var parts []io.Reader
	first := z.queue[0]
	if first.kind != header {
		start := seed(z.level, z.fold, first.skip)
		if first.skip > 0 {
			// The byte in which the piece begins is the seed's last.
			start[len(start)-1] |= first.raw[0] & (0xff >> first.skip)
			first.raw, first.own = first.raw[1:], first.own-1
		}
		parts = append(parts, bytes.NewReader(start))
	}
	for _, p := range z.queue {
		parts = append(parts, bytes.NewReader(p.raw[:p.own]))
	}
	parts = append(parts, bytes.NewReader(z.scanner.in))
	if !z.scanner.eof {
		parts = append(parts, z.scanner.src)
	}
	z.serial = z.open(bufio.NewReaderSize(io.MultiReader(parts...), readSize))
	if first.kind == header {
		return nil
	}
	var discarded [seedSize]byte
	_, err := io.ReadFull(z.serial, discarded[:])

	return err
}

// stop ends the workers and waits for them.
func (z *bzip2Reader) stop() {
	select {
	case <-z.quit:
	default:
		close(z.quit)
		z.running.Wait()
	}
}
