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

// readSize is the size of one read of an artifact, in bytes.
const readSize = 64 << 10

// opener creates its decoder in the first Read, because some decoders read, and so
// may fail or panic, when they are created. The guard handles errors of Read.
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
	// Empty input is an error. bzip2 checks that itself.
	if err == io.EOF && !o.src.some {
		err = io.ErrUnexpectedEOF
	}

	return n, err
}

// openGzip uses the decoder that programs with net/http link already.
func openGzip(r io.Reader) (io.Reader, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}

	return z, nil
}

// openZstd limits memory to the window and two blocks. With a concurrency of 1 the
// library starts no goroutine, so the guard catches panics and nothing outlives
// the reader. The checksum of a frame is ignored: it is optional and not
// cryptographic, and callers compare artifact and binary with signed hashes.
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

// overWindow reports whether err means that a window is too large. The second error
// is that of single segment frames, whose window is their content.
func overWindow(err error) bool {
	return errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded)
}
