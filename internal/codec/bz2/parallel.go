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

// pieceSize is the input of one stream, in bytes. It is a block of level 9, so
// splitting adds only a few bytes for each stream.
const pieceSize = 900_000

var errClosed = errors.New("the writer is closed")

// NewParallel returns a writer that compresses to w at level 9, with up to workers
// goroutines. The output is a sequence of bzip2 streams, as from pbzip2, that
// readers of bzip2 accept as one file. It depends only on the input, not on
// workers or the sizes of writes.
//
// The file is complete when Close returns nil. Close does not close w. Call it
// after a failed Write too: it ends the goroutines. Only calls of Write and Close
// write to w. A worker uses about 20 MB of memory. A writer is not safe for
// concurrent use.
func NewParallel(w io.Writer, workers int) (io.WriteCloser, error) {
	if workers < 1 {
		return nil, fmt.Errorf("starting bzip2: %d workers, want at least 1", workers)
	}

	return &parallel{w: w, workers: workers, piece: make([]byte, 0, pieceSize)}, nil
}

// parallel writes the pieces in order, so workers never wait for w.
type parallel struct {
	w       io.Writer
	workers int
	piece   []byte
	started bool          // a piece was compressed; an empty file needs an empty one
	queue   []chan *piece // oldest first, at most one per worker
	idle    []*piece
	err     error // the first error, which is returned from then on
}

// piece is the memory of a worker, which is reused.
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

// Close returns the first error, also when called again, and writes nothing after
// an error.
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

// compress passes the piece to a worker and waits for a free one.
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

// flush waits for the oldest piece and writes it, unless there was an error.
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
