// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bz2

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/dsnet/compress/bzip2"
)

// pieceSize is how much of the input makes one stream: a block of level 9, so
// that cutting there costs no more than the few bytes of a stream's ends.
const pieceSize = 900_000

var errClosed = errors.New("the writer is closed")

// NewParallel returns a writer that compresses to w at level 9, up to workers
// pieces at a time. What it writes is one bzip2 stream after the other, as
// pbzip2 makes them, which every reader of bzip2 takes for one file; it depends
// on the input alone, not on workers or the sizes of writes.
//
// The file is complete once Close returned nil; Close does not close w. It has
// to be called after a failed Write as well: after it, no goroutine is left. w
// is written to only by the goroutine that calls Write and Close. A worker
// takes about 20 MB of memory.
func NewParallel(w io.Writer, workers int) (io.WriteCloser, error) {
	if workers < 1 {
		return nil, fmt.Errorf("starting bzip2: %d workers", workers)
	}

	return &parallel{w: w, workers: workers, piece: make([]byte, 0, pieceSize)}, nil
}

// parallel keeps the pieces that are being compressed in their order, and itself
// writes them out: a worker is never held up by w.
type parallel struct {
	w       io.Writer
	workers int
	piece   []byte
	started bool          // a stream was begun: none is needed for an empty file
	queue   []chan *piece // oldest first, at most one for each worker
	idle    []*piece
	err     error // the first failure, which stays
}

// piece is what a worker holds. It is used again for the next one.
type piece struct {
	in  []byte
	out bytes.Buffer
	z   *bzip2.Writer
	err error
}

func (w *parallel) Write(p []byte) (n int, err error) {
	for len(p) > 0 && w.err == nil {
		took := copy(w.piece[len(w.piece):pieceSize], p)
		w.piece = w.piece[:len(w.piece)+took]
		n, p = n+took, p[took:]
		if len(w.piece) == pieceSize {
			w.compress()
		}
	}

	return n, w.err
}

// Close returns the first failure however often it is called, and adds nothing
// to a file that is torn.
func (w *parallel) Close() error {
	if w.err == nil && (len(w.piece) > 0 || !w.started) {
		w.compress()
	}
	for len(w.queue) > 0 {
		w.flush()
	}
	if errors.Is(w.err, errClosed) {
		return nil
	}
	err := w.err
	if err == nil {
		w.err = fmt.Errorf("compressing: %w", errClosed)
	}

	return err
}

// compress hands the piece to a worker, once one is free.
func (w *parallel) compress() {
	if len(w.queue) == w.workers {
		if w.flush(); w.err != nil {
			return
		}
	}
	next := &piece{in: make([]byte, 0, pieceSize)}
	if last := len(w.idle) - 1; last >= 0 {
		next, w.idle = w.idle[last], w.idle[:last]
	}
	next.in, w.piece = w.piece, next.in[:0]
	done := make(chan *piece, 1)
	w.queue, w.started = append(w.queue, done), true
	go func() {
		next.err = next.compress()
		done <- next
	}()
}

// flush waits for the oldest piece and writes it, unless a write failed before.
func (w *parallel) flush() {
	done := <-w.queue[0]
	w.queue = w.queue[1:]
	if w.err == nil {
		w.err = done.err
	}
	if w.err == nil {
		_, w.err = done.out.WriteTo(w.w)
	}
	if w.err != nil {
		w.err = fmt.Errorf("compressing: %w", w.err)
		return
	}
	w.idle = append(w.idle, done)
}

func (p *piece) compress() (err error) {
	p.out.Reset()
	if p.z == nil {
		p.z, err = bzip2.NewWriter(&p.out, &bzip2.WriterConfig{Level: bzip2.BestCompression})
	} else {
		err = p.z.Reset(&p.out)
	}
	if err != nil {
		return err
	}
	if _, err := p.z.Write(p.in); err != nil {
		return err
	}

	return p.z.Close()
}
