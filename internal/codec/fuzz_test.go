// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
)

// FuzzCopy holds for any input: no more than size bytes are written; success
// means exactly what the decoder alone makes of it; failure is a sentinel.
func FuzzCopy(f *testing.F) {
	hello := compress(f, []byte("hello"))
	for _, src := range [][]byte{nil, hello, join(hello, hello), join(hello, []byte("x")), hello[:10]} {
		f.Add(true, src, int64(5))
		f.Add(false, src, int64(len(src)))
	}
	f.Add(true, hello, int64(-1))
	f.Add(true, compress(f, bytes.Repeat([]byte{0}, 1<<16)), int64(1<<16))

	f.Fuzz(func(t *testing.T, compressed bool, src []byte, size int64) {
		// Beyond this only the fuzzer's memory is tested.
		if size > 1<<20 {
			return
		}
		encoding, plain := codec.None, io.Reader(bytes.NewReader(src))
		if compressed {
			encoding, plain = codec.Bzip2, bzip2.NewReader(bytes.NewReader(src))
		}

		var w bytes.Buffer
		err := codec.Copy(&w, encoding, bytes.NewReader(src), size)
		require.LessOrEqual(t, int64(w.Len()), max(size, 0))

		want, plainErr := io.ReadAll(io.LimitReader(plain, max(size, 0)+1))
		if err == nil {
			require.NoError(t, plainErr)
			require.True(t, bytes.Equal(want, w.Bytes()))
			require.EqualValues(t, size, w.Len())

			return
		}
		require.True(t, errors.Is(err, codec.ErrSize) || errors.Is(err, codec.ErrCorrupt), err)
		if errors.Is(err, codec.ErrSize) {
			require.NotEqualValues(t, size, len(want))
		} else if !compressed {
			// What bzip2 is refused beyond that is for bunzip to test.
			require.Error(t, plainErr)
		}
	})
}

// FuzzZstdAndGzip holds for any input: no more than size bytes are written,
// exactly size on success, and failure is a sentinel.
func FuzzZstdAndGzip(f *testing.F) {
	hello := []byte("hello")
	for _, src := range [][]byte{nil, zstd(f, hello), gzipped(f, hello), join(skippable, zstd(f, hello)), gzipped(f, hello)[:9]} {
		f.Add(true, src, int64(5))
		f.Add(false, src, int64(5))
	}
	f.Fuzz(func(t *testing.T, isZstd bool, src []byte, size int64) {
		if size > 1<<20 {
			return
		}
		encoding := codec.Gzip
		if isZstd {
			encoding = codec.Zstd
		}
		var w bytes.Buffer
		err := codec.Copy(&w, encoding, bytes.NewReader(src), size)
		require.LessOrEqual(t, int64(w.Len()), max(size, 0))
		if err == nil {
			require.EqualValues(t, size, w.Len())

			return
		}
		require.True(t, errors.Is(err, codec.ErrSize) || errors.Is(err, codec.ErrCorrupt) || errors.Is(err, codec.ErrWindow), err)
	})
}
