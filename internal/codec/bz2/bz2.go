// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package bz2 compresses with bzip2, which the standard library only decompresses.
// It is for publishers: programs that update themselves do not link it.
package bz2

import (
	"fmt"
	"io"

	"github.com/dsnet/compress/bzip2"
)

// NewWriter returns a writer that compresses to w at level 9, as one stream. The
// stream is complete when Close returns nil. Close does not close w. A writer is
// not safe for concurrent use.
func NewWriter(w io.Writer) (io.WriteCloser, error) {
	z, err := bzip2.NewWriter(w, &bzip2.WriterConfig{Level: bzip2.BestCompression})
	if err != nil {
		return nil, fmt.Errorf("starting bzip2: %w", err)
	}

	return &writer{z: z}, nil
}

// writer returns the first error again. The library does not always: if Close fails
// to write the end of a stream, a second Close appends it again and succeeds.
type writer struct {
	z   *bzip2.Writer
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.z.Write(p)
	if err != nil {
		w.err = fmt.Errorf("compressing: %w", err)
	}

	return n, w.err
}

func (w *writer) Close() error {
	if w.err != nil {
		return w.err
	}
	err := w.z.Close()
	if err != nil {
		w.err = fmt.Errorf("compressing: %w", err)
	}

	return w.err
}
