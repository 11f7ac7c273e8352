// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"io"
	"runtime"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/testing/sample"
)

type failing struct{ after int }

func (w *failing) Write(p []byte) (int, error) {
	if w.after -= len(p); w.after < 0 {
		return 0, io.ErrClosedPipe
	}

	return len(p), nil
}

// Copy leaves no goroutine, after success and after errors.
func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	compressed := compress(t, sample.Noise(1_000_000, 0))
	for range 2 {
		require.NoError(t, codec.Copy(io.Discard, codec.Bzip2, bytes.NewReader(compressed), 1_000_000))
		require.ErrorIs(t, codec.Copy(&failing{300_000}, codec.Bzip2, bytes.NewReader(compressed), 1_000_000), io.ErrClosedPipe)
		require.ErrorIs(t, codec.Copy(io.Discard, codec.Bzip2, bytes.NewReader(compressed), 1000), codec.ErrSize)
		require.ErrorIs(t, codec.Copy(io.Discard, codec.Bzip2, bytes.NewReader(compressed[:950_000]), 1_000_000), codec.ErrCorrupt)
		require.ErrorIs(t, codec.Copy(io.Discard, codec.Zstd, bytes.NewReader(compressed), 10), codec.ErrCorrupt)
		require.ErrorIs(t, codec.Copy(io.Discard, codec.Gzip, iotest.ErrReader(io.ErrNoProgress), 10), io.ErrNoProgress)
		r, err := codec.Decode(codec.Bzip2, bytes.NewReader(compressed))
		require.NoError(t, err)
		_, err = io.ReadFull(r, make([]byte, 1000))
		require.NoError(t, err)
		require.NoError(t, r.Close())
		_, err = r.Read(make([]byte, 10))
		require.ErrorIs(t, err, io.ErrClosedPipe)
	}
	// A goroutine that returns is still counted for a moment.
	for i := 0; runtime.NumGoroutine() > before && i < 1000; i++ {
		time.Sleep(time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}
