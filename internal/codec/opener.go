// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// readSize is how much of an artifact is read at once.
const readSize = 64 << 10

// opener makes its decoder when it is first read, since some read, and so may
// fail or panic, when they are made: that is to happen under the guard.
type opener struct {
	src  *source
	open func(io.Reader) (io.Reader, error)
	r    io.Reader
}

func (o *opener) Read(p []byte) (n int, err error) {
	if o.r == nil {
		o.r, err = o.open(bufio.NewReaderSize(o.src, readSize))
	}
	if err == nil {
		n, err = o.r.Read(p)
	}
	// No stream is not an empty one. bzip2 says so itself.
	if err == io.EOF && !o.src.some {
		err = io.ErrUnexpectedEOF
	}

	return n, err
}

// openGzip takes the standard library's decoder: who uses net/http links it
// already.
func openGzip(r io.Reader) (io.Reader, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}

	return z, nil
}

// openZstd keeps memory at the window and two blocks. With a concurrency of 1
// the library starts no goroutine, so that a panic is the guard's to catch, and
// nothing outlives the reader. The checksum of a frame is not compared: it is
// no defence, being no cryptographic hash and optional, and both the artifact
// and what it unfolds to are compared with signed hashes by every caller.
func openZstd(r io.Reader) (io.Reader, error) {
	z, err := zstd.NewReader(r,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(MaxWindow),
		zstd.IgnoreChecksum(true),
	)
	if err != nil {
		return nil, err
	}

	return z, nil
}

// overWindow tells whether err is the refusal of a large window. A frame in a
// single segment has its content for a window, hence the second error.
func overWindow(err error) bool {
	return errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded)
}
