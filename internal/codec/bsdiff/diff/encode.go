// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/choria-io/go-updater/internal/codec/bz2"
)

// encoder compresses pieces. The streams are kept in memory, because a patch
// starts with their lengths.
type encoder struct {
	control, diff, extra part
	buf                  []byte
}

type part struct {
	compressed bytes.Buffer
	w          io.WriteCloser
}

func newEncoder() (*encoder, error) {
	e := &encoder{buf: make([]byte, 64<<10)}
	for _, p := range e.parts() {
		var err error
		p.w, err = bz2.NewWriter(&p.compressed)
		if err != nil {
			return nil, err
		}
	}

	return e, nil
}

func (e *encoder) parts() []*part { return []*part{&e.control, &e.diff, &e.extra} }

func (e *encoder) write(ctx context.Context, p piece) error {
	triple := make([]byte, 0, 24)
	for _, n := range []int{len(p.add), len(p.insert), p.seek} {
		triple = appendNumber(triple, int64(n))
	}
	_, err := e.control.w.Write(triple)
	if err != nil {
		return err
	}

	for len(p.add) > 0 {
		n := min(len(p.add), len(e.buf))
		for i := range n {
			e.buf[i] = p.add[i] - p.old[i]
		}
		p.add, p.old = p.add[n:], p.old[n:]
		err := write(ctx, e.diff.w, e.buf[:n])
		if err != nil {
			return err
		}
	}
	for len(p.insert) > 0 {
		n := min(len(p.insert), len(e.buf))
		err := write(ctx, e.extra.w, p.insert[:n])
		if err != nil {
			return err
		}
		p.insert = p.insert[n:]
	}

	return nil
}

func write(ctx context.Context, w io.Writer, b []byte) error {
	err := ctx.Err()
	if err != nil {
		return fmt.Errorf("compressing the patch: %w", err)
	}
	_, err = w.Write(b)

	return err
}

// finish writes the patch. size is that of the new file.
func (e *encoder) finish(w io.Writer, size int64) error {
	for _, p := range e.parts() {
		err := p.w.Close()
		if err != nil {
			return err
		}
	}

	header := []byte("BSDIFF40")
	header = appendNumber(header, int64(e.control.compressed.Len()))
	header = appendNumber(header, int64(e.diff.compressed.Len()))
	header = appendNumber(header, size)
	for _, b := range [][]byte{header, e.control.compressed.Bytes(), e.diff.compressed.Bytes(), e.extra.compressed.Bytes()} {
		_, err := w.Write(b)
		if err != nil {
			return fmt.Errorf("writing the patch: %w", err)
		}
	}

	return nil
}

// appendNumber appends a number of the format: the highest bit is the sign, the
// others are the magnitude.
func appendNumber(b []byte, v int64) []byte {
	u := uint64(v)
	if v < 0 {
		u = uint64(-v) | 1<<63
	}

	return binary.LittleEndian.AppendUint64(b, u)
}
