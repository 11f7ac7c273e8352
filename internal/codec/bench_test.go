// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"compress/bzip2"
	"crypto/sha256"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
)

// BenchmarkCopy decompresses and hashes this test's binary, as an update does, and
// compares with a decoder of the standard library.
func BenchmarkCopy(b *testing.B) {
	name, err := os.Executable()
	require.NoError(b, err)
	data, err := os.ReadFile(name)
	require.NoError(b, err)
	compressed := map[string][]byte{
		codec.Bzip2: compress(b, data), codec.Zstd: zstd(b, data), codec.Gzip: gzipped(b, data), codec.None: data,
	}
	b.Run("bzip2 of the standard library", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			_, err := io.Copy(sha256.New(), bzip2.NewReader(bytes.NewReader(compressed[codec.Bzip2])))
			require.NoError(b, err)
		}
	})
	for _, encoding := range encodings {
		b.Run(encoding, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, codec.Copy(sha256.New(), encoding, bytes.NewReader(compressed[encoding]), int64(len(data))))
			}
		})
	}
}
