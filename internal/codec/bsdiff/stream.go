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
	// A decoder is at most aheadCount chunks of aheadSize ahead of the patcher.
	// bzip2 decodes whole blocks, so more would not make it faster.
	aheadSize  = 64 << 10
	aheadCount = 4
)

// streams are the parts of a patch, each with a goroutine that decompresses it.
type streams struct {
	list   []*stream
	worker *bunzip.Worker // of all
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// startStreams decompresses the parts between consecutive offsets.
func startStreams(ctx context.Context, patch io.ReaderAt, offsets []int64) *streams {
	all := &streams{worker: bunzip.Start()}
	ctx, all.cancel = context.WithCancel(ctx)
	for i, from := range offsets[:len(offsets)-1] {
		src := &source{r: io.NewSectionReader(patch, from, offsets[i+1]-from)}
		s := newStream(ctx, src, bunzip.NewReader(src, all.worker))
		all.list = append(all.list, s)
		all.done.Go(s.decompress)
	}

	return all
}

// stop ends the goroutines and waits for them.
func (all *streams) stop() {
	all.cancel()
	all.done.Wait()
	all.worker.Stop()
}

// chunk is decompressed bytes and the error that followed.
type chunk struct {
	data []byte
	err  error
}

// stream is a decompressed part of a patch. Its buffers circulate: decompress takes
// them from free and fills them to full, next returns them to free.
type stream struct {
	ctx     context.Context
	src     *source
	decoder io.Reader

	free chan []byte
	full chan chunk

	// Used by the patcher only.
	chunk chunk
	rest  []byte
}

func newStream(ctx context.Context, src *source, decoder io.Reader) *stream {
	s := &stream{
		ctx: ctx, src: src, decoder: decoder,
		free: make(chan []byte, aheadCount), full: make(chan chunk, aheadCount),
	}
	// Buffers are allocated when needed: small patches do not use all.
	for range aheadCount {
		s.free <- nil
	}

	return s
}

func (s *stream) decompress() {
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
		// This does not block: full has room for all buffers.
		s.full <- chunk{buf[:n], err}
		if err != nil {
			return
		}
	}
}

// read reads from the decoder, which may panic. It is not called after an error.
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

// next returns between one and limit bytes, which are valid until the next call.
// The end of the stream is ErrCorrupt.
func (s *stream) next(limit int64) ([]byte, error) {
	err := s.load()
	if err == io.EOF {
		return nil, fmt.Errorf("%w: a stream is too short", ErrCorrupt)
	}
	if err != nil {
		return nil, err
	}

	some := s.rest[:min(int64(len(s.rest)), limit)]
	s.rest = s.rest[len(some):]

	return some, nil
}

// end fails unless the stream was read completely.
func (s *stream) end() error {
	err := s.load()
	switch {
	case err == io.EOF:
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("%w: a stream is too long", ErrCorrupt)
	}
}

// load waits until rest is not empty, or returns the error of the stream.
func (s *stream) load() error {
	for len(s.rest) == 0 {
		if s.chunk.err != nil {
			return s.chunk.err
		}
		if s.chunk.data != nil {
			s.free <- s.chunk.data[:cap(s.chunk.data)]
		}
		select {
		case s.chunk = <-s.full:
			s.rest = s.chunk.data
		case <-s.ctx.Done():
			return fmt.Errorf("patching: %w", s.ctx.Err())
		}
	}

	return nil
}

// source records the error of its reader, because a decoder may hide it: a read
// error of a disk is not a corrupt patch.
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
