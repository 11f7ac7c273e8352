// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package zst writes zstd. It is for publishers: a program that updates itself
// links only the reader.
package zst

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// windowSize is how far back a client has to remember, and the most that it
// does. Half of it makes artifacts about 1 % larger.
const windowSize = 8 << 20

var errClosed = errors.New("the writer is closed")

// NewWriter returns a writer that compresses to w as small as it can. What it
// writes depends on the input alone, neither on the number of processors nor on
// the sizes of writes; that costs it the use of more than one of them. There is
// no checksum inside: the hash of what it unfolds to is signed.
//
// The file is complete once Close returned nil; Close does not close w. The
// writer takes about 50 MB of memory and leaves no goroutine.
func NewWriter(w io.Writer) (io.WriteCloser, error) {
	z, err := zstd.NewWriter(w,
		zstd.WithEncoderLevel(zstd.SpeedBestCompression),
		zstd.WithWindowSize(windowSize),
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false),
		// A file of nothing is a frame of nothing, not a file of no bytes.
		zstd.WithZeroFrames(true),
	)
	if err != nil {
		return nil, fmt.Errorf("starting zstd: %w", err)
	}

	return &writer{z: z}, nil
}

// writer remembers the first failure, so that nothing is ever written behind
// torn bytes, whatever the library would do.
type writer struct {
	z   *zstd.Encoder
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.z.Write(p)
	if err != nil {
		w.err = fmt.Errorf("compressing: %w", err)
	}

	return n, w.err
}

// Close returns the first failure however often it is called.
func (w *writer) Close() error {
	if errors.Is(w.err, errClosed) {
		return nil
	}
	if w.err != nil {
		return w.err
	}
	if err := w.z.Close(); err != nil {
		w.err = fmt.Errorf("compressing: %w", err)
		return w.err
	}
	w.err = fmt.Errorf("compressing: %w", errClosed)

	return nil
}
