// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package bz2 writes bzip2, which the standard library only reads. It is for
// publishers: a program that updates itself does not link it.
package bz2

import (
	"errors"
	"fmt"
	"io"

	"github.com/dsnet/compress/bzip2"
)

var errClosed = errors.New("write to a closed bzip2 stream")

// NewWriter returns a writer that compresses to w at level 9. The stream is
// complete once Close returned nil; Close does not close w.
func NewWriter(w io.Writer) (io.WriteCloser, error) {
	z, err := bzip2.NewWriter(w, &bzip2.WriterConfig{Level: bzip2.BestCompression})
	if err != nil {
		return nil, fmt.Errorf("starting bzip2: %w", err)
	}

	return &writer{z: z}, nil
}

// writer remembers the first failure. The library forgets it: its Close starts
// the block that failed over, and on a disk that has room again reports success
// for a stream with half a block in it.
type writer struct {
	z      *bzip2.Writer
	err    error
	closed bool
}

func (w *writer) Write(p []byte) (int, error) {
	if w.closed {
		return 0, errClosed
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.z.Write(p)
	if err != nil {
		w.err = fmt.Errorf("compressing: %w", err)
	}

	return n, w.err
}

func (w *writer) Close() error {
	if w.closed || w.err != nil {
		w.closed = true

		return w.err
	}
	w.closed = true
	err := w.z.Close()
	if err != nil {
		w.err = fmt.Errorf("compressing: %w", err)
	}

	return w.err
}
