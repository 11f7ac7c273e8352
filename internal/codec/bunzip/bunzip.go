// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package bunzip reads bzip2, on two cores and several times as fast as package
// compress/bzip2.
//
// Half of the work is to read the bits of a block, which tell where the next one
// begins: that is done in turn. The other half is to put the block in order; a
// [Worker] does it for one block while the [Reader] unfolds the block before and
// reads the bits of the next.
//
// Whatever the input, a Reader holds two blocks of 900 kB and 64 KiB of input,
// and a Worker 4.7 MB; less if the blocks are small. Who reads several streams at
// once gives them the same Worker.
//
// What is accepted, and what it unfolds to, is what compress/bzip2 has it; so
// blocks of an ancient bzip2 that are randomised are refused. Refused is beyond
// that a block that uses an incomplete Huffman code, which no compressor makes:
// the program bzip2 understands it in another way.
package bunzip

import (
	"fmt"
	"io"
	"sync"
)

// Worker is a goroutine that puts blocks in order, for any number of readers.
type Worker struct {
	todo chan *block
	stop sync.Once
	gone chan struct{}
}

// Start starts a Worker, which has to be stopped.
func Start() *Worker {
	w := &Worker{todo: make(chan *block), gone: make(chan struct{})}
	go w.work()

	return w
}

// Stop returns once the goroutine has ended. No Reader of it may be read then, or
// later. Stop may be called again.
func (w *Worker) Stop() {
	w.stop.Do(func() { close(w.todo) })
	<-w.gone
}

func (w *Worker) work() {
	defer close(w.gone)
	var own walker
	for b := range w.todo {
		b.err = own.try(b)
		b.done <- struct{}{}
	}
}

// ahead is how many blocks are held: one is unfolded, one put in order.
const ahead = 2

// Reader reads bzip2 streams in a row.
type Reader struct {
	worker *Worker
	parser parser

	queue    []*block // those held, oldest first
	spare    []*block
	open     bool // the first of the queue is being unfolded
	unfolder unfolder
	err      error // what comes behind the queue
}

// NewReader returns a reader of what the bzip2 streams of src unfold to: one at
// least, and nothing behind them. It reads src up to its end, in pieces of up to
// 64 KiB, and only while Read is called.
func NewReader(src io.Reader, worker *Worker) *Reader {
	return &Reader{worker: worker, parser: parser{in: newBitReader(src)}}
}

// Read implements io.Reader. Errors are those of src, io.ErrUnexpectedEOF if it
// ends too early, or say what is wrong with the input, and stay. What an intact
// block unfolds to is returned before the error of a later one.
func (z *Reader) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if z.open {
			if n := z.unfolder.read(p); n > 0 {
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
		z.unfolder.begin(first)
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

// close ends with the first block.
func (z *Reader) close() {
	z.open = false
	if z.unfolder.sum != z.unfolder.want {
		z.fail(invalid("wrong checksum of a block"))

		return
	}
	z.spare = append(z.spare, z.queue[0])
	z.queue = append(z.queue[:0], z.queue[1:]...)
}

func (z *Reader) fail(err error) { z.queue, z.err = nil, err }

// try is walk, but that a panic does not end the program.
func (w *walker) try(b *block) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the decoder panicked: %v", v)
		}
	}()
	w.walk(b)

	return nil
}
