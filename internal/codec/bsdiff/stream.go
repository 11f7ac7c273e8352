// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bsdiff

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/choria-io/go-updater/internal/codec/bunzip"
)

const (
	// A decoder runs ahead of the patcher by aheadCount pieces of aheadSize.
	// bzip2 unpacks whole blocks, so more would not keep it busier.
	aheadSize  = 64 << 10
	aheadCount = 4
)

// streams are the parts of a patch, each with a goroutine that unpacks it.
type streams struct {
	list   []*stream
	worker *bunzip.Worker // of all
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// startStreams unpacks the parts between each two neighbours of borders.
func startStreams(ctx context.Context, patch io.ReaderAt, borders []int64) *streams {
	all := &streams{worker: bunzip.Start()}
	ctx, all.cancel = context.WithCancel(ctx)
	for i, from := range borders[:len(borders)-1] {
		src := &source{r: io.NewSectionReader(patch, from, borders[i+1]-from)}
		s := newStream(ctx, src, bunzip.NewReader(src, all.worker))
		all.list = append(all.list, s)
		all.done.Go(s.unpack)
	}

	return all
}

// stop ends the goroutines and waits for them.
func (all *streams) stop() {
	all.cancel()
	all.done.Wait()
	all.worker.Stop()
}

// piece is some unpacked bytes, and what came after them.
type piece struct {
	data []byte
	err  error
}

// stream is what one part of a patch unfolds to. Its buffers go round: from
// free, filled by unpack, to full, emptied by next, to free.
type stream struct {
	ctx     context.Context
	src     *source
	decoder io.Reader

	free chan []byte
	full chan piece

	// Of the patcher only.
	piece piece
	rest  []byte
}

func newStream(ctx context.Context, src *source, decoder io.Reader) *stream {
	s := &stream{
		ctx: ctx, src: src, decoder: decoder,
		free: make(chan []byte, aheadCount), full: make(chan piece, aheadCount),
	}
	// Buffers are made when they are needed: small patches never fill all.
	for range aheadCount {
		s.free <- nil
	}

	return s
}

func (s *stream) unpack() {
	for {
		var buf []byte
		select {
		case buf = <-s.free:
		case <-s.ctx.Done():
			return
		}
		if buf == nil {
			buf = make([]byte, aheadSize)
		}

		n, err := 0, error(nil)
		for n < len(buf) && err == nil && s.ctx.Err() == nil {
			var some int
			some, err = s.read(buf[n:])
			n += some
		}
		// There is always room: there are no more pieces than that.
		s.full <- piece{buf[:n], err}
		if err != nil {
			return
		}
	}
}

// read asks the decoder, which is not trusted. After an error it is in no state
// to be asked again.
func (s *stream) read(p []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			n, err = 0, fmt.Errorf("%w: the decoder panicked: %v", ErrCorrupt, v)
		}
	}()

	n, err = s.decoder.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case s.src.err != nil:
		return n, fmt.Errorf("reading the patch: %w", s.src.err)
	default:
		return n, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
}

// next returns at least one and at most limit bytes, which are good until the
// call after. The end of the stream is ErrCorrupt.
func (s *stream) next(limit int64) ([]byte, error) {
	err := s.load()
	if err == io.EOF {
		return nil, fmt.Errorf("%w: a stream ends too early", ErrCorrupt)
	}
	if err != nil {
		return nil, err
	}

	some := s.rest[:min(int64(len(s.rest)), limit)]
	s.rest = s.rest[len(some):]

	return some, nil
}

// end fails unless all of the stream was taken.
func (s *stream) end() error {
	err := s.load()
	switch {
	case err == io.EOF:
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("%w: a stream has bytes that nothing takes", ErrCorrupt)
	}
}

// load waits until rest holds something, or returns why it never will.
func (s *stream) load() error {
	for len(s.rest) == 0 {
		if s.piece.err != nil {
			return s.piece.err
		}
		if s.piece.data != nil {
			s.free <- s.piece.data[:cap(s.piece.data)]
		}
		select {
		case s.piece = <-s.full:
			s.rest = s.piece.data
		case <-s.ctx.Done():
			return fmt.Errorf("patching: %w", s.ctx.Err())
		}
	}

	return nil
}

// source remembers how its reader failed, since a decoder may hide it: a disk
// that cannot be read is not a corrupt patch.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}

	return n, err
}
