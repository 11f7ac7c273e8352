// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bsdiff_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec/bsdiff"
)

// FuzzApply checks that no patch writes more than size bytes, that success means
// exactly size, and that failure is one of the documented errors.
func FuzzApply(f *testing.F) {
	for _, p := range []parts{
		{},
		{triples: []int64{10, 0, 0}, diff: make([]byte, 10), size: 10},
		{triples: []int64{0, 0, -2, 4, 2, 9, 4, 0, 0}, diff: make([]byte, 8), extra: []byte("ab"), size: 10},
	} {
		f.Add(old, p.compress(f), p.size)
	}
	f.Add([]byte(nil), []byte("BSDIFF40"), int64(-1))

	f.Fuzz(func(t *testing.T, from, patch []byte, size int64) {
		// Larger files only slow the fuzzer down.
		if size > 1<<20 {
			return
		}
		got, err := apply(from, patch, size)
		require.LessOrEqual(t, int64(len(got)), max(size, 0))
		if err == nil {
			require.EqualValues(t, size, len(got))

			return
		}
		require.True(t, errors.Is(err, bsdiff.ErrSize) || errors.Is(err, bsdiff.ErrCorrupt), err)
	})
}

// FuzzTriples is FuzzApply with valid bzip2 streams.
func FuzzTriples(f *testing.F) {
	good := parts{triples: []int64{4, 2, 2, 4, 0, 0}}
	f.Add(good.control(), make([]byte, 8), []byte("ab"), int64(10))
	f.Add(parts{triples: []int64{0, 0, -huge, 3, 0, -huge}}.control(), []byte("abc"), []byte(nil), int64(3))
	f.Add(make([]byte, 1000), []byte(nil), []byte(nil), int64(10))

	f.Fuzz(func(t *testing.T, control, diff, extra []byte, size int64) {
		if size > 1<<20 {
			return
		}
		got, err := apply(old, join(size, compress(t, control), compress(t, diff), compress(t, extra)), size)
		require.LessOrEqual(t, int64(len(got)), max(size, 0))
		if err == nil {
			require.EqualValues(t, size, len(got))
			require.EqualValues(t, size, len(diff)+len(extra))

			return
		}
		require.True(t, errors.Is(err, bsdiff.ErrSize) || errors.Is(err, bsdiff.ErrCorrupt), err)
	})
}
