// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"fmt"
	"io"
	"runtime"
)

const (
	// copySize and copyBuffers are what Copy holds beside the decoder's state:
	// one buffer is filled, one is written, one waits.
	copySize    = 256 << 10
	copyBuffers = 3

	// plainSize is all of that where nothing is decoded meanwhile.
	plainSize = 64 << 10
)

// Copy unfolds src into dst and fails with [ErrSize] unless that makes exactly
// size bytes. It asks the decoder for one byte more than size at most, and
// writes at most size, also on failure. src is read to its end.
//
// dst is written by the caller's goroutine, src may be read by another
// meanwhile. None is left when Copy returns: it waits for a Read of src that is
// under way.
func Copy(dst io.Writer, encoding string, src io.Reader, size int64) error {
	decoded, err := newGuard(encoding, src)
	if err != nil {
		return err
	}
	defer func() { _ = decoded.Close() }() // only read

	from := &exact{r: decoded, size: size}
	if encoding != None && runtime.GOMAXPROCS(0) > 1 {
		return overlap(dst, from)
	}

	return plain(dst, from)
}

// plain copies where a second goroutine would not pay: what is not packed is
// read faster than it is hashed.
func plain(dst io.Writer, src io.Reader) error {
	buf := make([]byte, plainSize)
	for {
		n, err := src.Read(buf)
		if werr := write(dst, buf[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// chunk is a filled buffer and how reading on ended, if it did.
type chunk struct {
	data []byte
	err  error
}

// overlap decodes ahead of dst, so that hashing and writing cost no time of
// their own where there is a second core.
func overlap(dst io.Writer, src io.Reader) error {
	empty, filled := make(chan []byte, copyBuffers), make(chan chunk, copyBuffers)
	for range copyBuffers {
		empty <- make([]byte, copySize)
	}
	// filled has a place for every buffer: the goroutine waits for an empty
	// one only, and none come once that channel is closed.
	go func() {
		defer close(filled)
		for buf := range empty {
			c := fill(src, buf)
			filled <- c
			if c.err != nil {
				return
			}
		}
	}()
	defer func() {
		close(empty)
		for range filled {
		}
	}()

	for {
		c := <-filled
		if err := write(dst, c.data); err != nil {
			return err
		}
		if c.err == io.EOF {
			return nil
		}
		if c.err != nil {
			return c.err
		}
		empty <- c.data[:copySize]
	}
}

func fill(src io.Reader, buf []byte) chunk {
	var c chunk
	for n := 0; len(c.data) < len(buf) && c.err == nil; {
		n, c.err = src.Read(buf[len(c.data):])
		c.data = buf[:len(c.data)+n]
	}

	return c
}

func write(dst io.Writer, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := dst.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("writing unfolded bytes: %w", err)
	}

	return nil
}

// exact lets size bytes through, no more and no fewer.
type exact struct {
	r          io.Reader
	size, done int64
}

func (e *exact) Read(p []byte) (int, error) {
	room := max(e.size-e.done, 0)
	if int64(len(p)) > room {
		p = p[:room+1]
	}
	n, err := e.r.Read(p)
	if int64(n) > room {
		return 0, fmt.Errorf("%w: more than %d bytes", ErrSize, e.size)
	}
	e.done += int64(n)
	if err == io.EOF && e.done != e.size {
		return n, fmt.Errorf("%w: %d bytes, not %d", ErrSize, e.done, e.size)
	}

	return n, err
}
