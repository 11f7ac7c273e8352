// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package bunzip decompresses bzip2 on two cores, several times as fast as package
// compress/bzip2.
//
// Half of the work is to decode the bits of a block. A [Reader] does that in order,
// because the next block starts where they end. The other half is to invert the
// Burrows-Wheeler transform. A [Worker] does that for one block while the Reader
// outputs the block before and decodes the next.
//
// For all inputs, a Reader uses two blocks of 900 kB and 64 KiB of input, and a
// Worker 4.7 MB, or less for small blocks. Readers of several streams can share a
// Worker.
//
// Accepted inputs and their output are those of compress/bzip2, so randomised
// blocks of very old versions of bzip2 are rejected. Blocks that use an incomplete
// Huffman code are rejected too. No compressor makes them, and the program bzip2
// decodes them differently.
package bunzip

import (
	"fmt"
	"io"
	"sync"
)

// Worker is a goroutine that inverts the transform of blocks, for any number of
// readers.
type Worker struct {
	todo chan *block
	stop sync.Once
	gone chan struct{}
}

// Start starts a Worker. Call Stop to end it.
func Start() *Worker {
	w := &Worker{todo: make(chan *block), gone: make(chan struct{})}
	go w.work()

	return w
}

// Stop ends the goroutine and waits for it. Do not use its readers during the call
// or later. Stop can be called again.
func (w *Worker) Stop() {
	w.stop.Do(func() { close(w.todo) })
	<-w.gone
}

func (w *Worker) work() {
	defer close(w.gone)
	var own inverter
	for b := range w.todo {
		b.err = own.try(b)
		b.done <- struct{}{}
	}
}

// ahead is how many blocks are in memory: one for the output, one for the Worker.
const ahead = 2

// Reader decompresses bzip2.
type Reader struct {
	worker *Worker
	parser parser

	queue []*block // in memory, oldest first
	spare []*block
	open  bool // the output of the first of the queue has started
	runs  runDecoder
	err   error // after the queue
}

// NewReader returns a reader of the decompressed src, which consists of one or more
// bzip2 streams and nothing else. Only Read reads from src, up to 64 KiB at a
// time. A Reader is not safe for concurrent use.
func NewReader(src io.Reader, worker *Worker) *Reader {
	return &Reader{worker: worker, parser: parser{in: newBitReader(src)}}
}

// Read implements io.Reader. It returns the errors of src, io.ErrUnexpectedEOF if
// src is truncated, or an error that describes the damage. It returns the same
// error again. The output of intact blocks comes before the error of a later one.
func (z *Reader) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if z.open {
			if n := z.runs.read(p); n > 0 {
				return n, nil
			}
			z.close()
		}
		z.fill()
		if len(z.queue) == 0 {
			return 0, z.err
		}
		first := z.queue[0]
		<-first.done
		if first.err != nil {
			z.fail(first.err)

			continue
		}
		z.runs.begin(first)
		z.open = true
	}

	return 0, nil
}

// fill reads blocks until the queue is full.
func (z *Reader) fill() {
	for len(z.queue) < ahead && z.err == nil {
		b := &block{done: make(chan struct{}, 1)}
		if n := len(z.spare); n > 0 {
			b, z.spare = z.spare[n-1], z.spare[:n-1]
		}
		if z.err = z.parser.next(b); z.err != nil {
			return
		}
		z.worker.todo <- b
		z.queue = append(z.queue, b)
	}
}

// close verifies and removes the first block.
func (z *Reader) close() {
	z.open = false
	if z.runs.sum != z.runs.want {
		z.fail(invalid("wrong checksum of a block"))

		return
	}
	z.spare = append(z.spare, z.queue[0])
	z.queue = append(z.queue[:0], z.queue[1:]...)
}

func (z *Reader) fail(err error) { z.queue, z.err = nil, err }

// try calls invert and returns a panic as an error.
func (w *inverter) try(b *block) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the decoder panicked: %v", v)
		}
	}()
	w.invert(b)

	return nil
}
