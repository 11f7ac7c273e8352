// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package zst compresses with zstd. It is for publishers: programs that update
// themselves link only the decoder.
package zst

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// windowSize is the largest window that clients accept, in bytes. Half of it makes
// artifacts about 1 % larger.
const windowSize = 8 << 20

var errClosed = errors.New("the writer is closed")

// NewWriter returns a writer that compresses to w at the highest level. The output
// depends only on the input, not on the number of processors or the sizes of
// writes, so it uses one processor. It contains no checksum, because the hash of
// the decompressed bytes is signed.
//
// The file is complete when Close returns nil. Close does not close w. The writer
// uses about 50 MB of memory and no goroutine. It is not safe for concurrent use.
func NewWriter(w io.Writer) (io.WriteCloser, error) {
	z, err := zstd.NewWriter(w,
		zstd.WithEncoderLevel(zstd.SpeedBestCompression),
		zstd.WithWindowSize(windowSize),
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false),
		// Empty input makes an empty frame, not an empty file.
		zstd.WithZeroFrames(true),
	)
	if err != nil {
		return nil, fmt.Errorf("starting zstd: %w", err)
	}

	return &writer{z: z}, nil
}

// writer returns the first error again, so nothing is written after an error.
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

// Close returns the first error, also when called again.
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
