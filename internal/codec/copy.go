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
	// Copy uses copyBuffers of copySize: one is filled, one is written, one waits.
	copySize    = 256 << 10
	copyBuffers = 3

	// plainSize is the only buffer of a copy without a second goroutine.
	plainSize = 64 << 10
)

// Copy decompresses src to dst. It returns [ErrSize] unless the result has exactly
// size bytes. It decodes at most one byte more than size, and writes at most size
// bytes, even on failure. It reads src to the end. Other errors are those of
// [Decode] and of dst.
//
// The caller's goroutine writes dst, and another one may read src. It has ended
// when Copy returns: Copy waits for a running Read of src.
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

// plain copies without a second goroutine: reading an uncompressed artifact is
// faster than hashing it.
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

// chunk is a filled buffer and the error that followed.
type chunk struct {
	data []byte
	err  error
}

// overlap decodes while dst hashes and writes on another core.
func overlap(dst io.Writer, src io.Reader) error {
	empty, filled := make(chan []byte, copyBuffers), make(chan chunk, copyBuffers)
	for range copyBuffers {
		empty <- make([]byte, copySize)
	}
	// filled has room for all buffers, so the goroutine waits only for empty
	// ones, and ends when that channel is closed.
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
		return fmt.Errorf("writing decompressed bytes: %w", err)
	}

	return nil
}

// exact fails unless its reader returns exactly size bytes.
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
		return n, fmt.Errorf("%w: %d bytes, want %d", ErrSize, e.done, e.size)
	}

	return n, err
}
