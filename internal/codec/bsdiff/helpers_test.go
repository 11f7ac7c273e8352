// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bsdiff_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec/bsdiff"
	"github.com/choria-io/go-updater/internal/codec/bsdiff/diff"
	"github.com/choria-io/go-updater/internal/codec/bz2"
)

func compress(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := bz2.NewWriter(&b)
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())

	return b.Bytes()
}

func makePatch(t testing.TB, from, to []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, diff.Write(t.Context(), &b, from, to, nil))

	return b.Bytes()
}

// apply returns the output, even on failure.
func apply(old, patch []byte, size int64) ([]byte, error) {
	var b bytes.Buffer
	err := bsdiff.Apply(context.Background(), &b, bytes.NewReader(old), int64(len(old)), bytes.NewReader(patch), int64(len(patch)), size)

	return b.Bytes(), err
}

// parts is an uncompressed patch.
type parts struct {
	triples     []int64
	diff, extra []byte
	size        int64
}

// number writes a number of the format. minusZero is the second zero.
func number(b []byte, v int64) []byte {
	switch {
	case v == minusZero:
		return binary.LittleEndian.AppendUint64(b, 1<<63)
	case v < 0:
		return binary.LittleEndian.AppendUint64(b, uint64(-v)|1<<63)
	default:
		return binary.LittleEndian.AppendUint64(b, uint64(v))
	}
}

const minusZero = -1 << 63

func (p parts) control() []byte {
	var b []byte
	for _, v := range p.triples {
		b = number(b, v)
	}

	return b
}

func (p parts) compress(t testing.TB) []byte {
	t.Helper()

	return join(p.size, compress(t, p.control()), compress(t, p.diff), compress(t, p.extra))
}

// join makes a patch of compressed streams.
func join(size int64, control, diff, extra []byte) []byte {
	b := []byte("BSDIFF40")
	b = number(b, int64(len(control)))
	b = number(b, int64(len(diff)))
	b = number(b, size)

	return bytes.Join([][]byte{b, control, diff, extra}, nil)
}
