// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"testing"
	"testing/iotest"

	kzstd "github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/codec/bz2"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/testing/sample"
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

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())

	return b.Bytes()
}

func zstd(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := kzstd.NewWriter(&b, kzstd.WithWindowSize(codec.MaxWindow), kzstd.WithZeroFrames(true))
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())

	return b.Bytes()
}

var skippable = []byte("\x5f\x2a\x4d\x18\x03\x00\x00\x00abc")

func cut(b []byte) []byte { return b[:len(b)-1] }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestCopy(t *testing.T) {
	race.Skip(t, "too slow; TestNoGoroutineIsLeft copies too")
	hello := []byte("hello")
	compressed := compress(t, hello)
	flipped := bytes.Clone(compressed)
	flipped[len(flipped)/2] ^= 1
	large := sample.Noise(910_000, 0)

	for _, tc := range []struct {
		name     string
		encoding string
		src      []byte
		size     int64
		want     error
		out      []byte
	}{
		{"bzip2", codec.Bzip2, compressed, 5, nil, hello},
		{"none", codec.None, hello, 5, nil, hello},
		{"bzip2 of nothing", codec.Bzip2, compress(t, nil), 0, nil, nil},
		{"nothing as it is", codec.None, nil, 0, nil, nil},
		{"bzip2 of more than a block", codec.Bzip2, compress(t, large), 910_000, nil, large},
		{"streams in a row", codec.Bzip2, join(compressed, compressed), 10, nil, []byte("hellohello")},

		{"bzip2 longer than size", codec.Bzip2, compressed, 4, codec.ErrSize, nil},
		{"bzip2 shorter than size", codec.Bzip2, compressed, 6, codec.ErrSize, nil},
		{"none longer than size", codec.None, hello, 4, codec.ErrSize, nil},
		{"none shorter than size", codec.None, hello, 6, codec.ErrSize, nil},
		{"second stream past size", codec.Bzip2, join(compressed, compressed), 5, codec.ErrSize, nil},
		{"size negative", codec.Bzip2, compressed, -1, codec.ErrSize, nil},
		{"size negative, nothing", codec.None, nil, -1, codec.ErrSize, nil},
		{"largest size", codec.Bzip2, compressed, math.MaxInt64, codec.ErrSize, nil},

		{"no stream", codec.Bzip2, nil, 0, codec.ErrCorrupt, nil},
		{"not bzip2", codec.Bzip2, hello, 5, codec.ErrCorrupt, nil},
		{"cut", codec.Bzip2, compressed[:len(compressed)-1], 5, codec.ErrCorrupt, nil},
		{"a bit flipped", codec.Bzip2, flipped, 5, codec.ErrCorrupt, nil},
		{"a byte after", codec.Bzip2, join(compressed, []byte{0}), 5, codec.ErrCorrupt, nil},
		{"bytes after", codec.Bzip2, join(compressed, []byte("trailing")), 5, codec.ErrCorrupt, nil},
		{"half a stream after", codec.Bzip2, join(compressed, compressed[:4]), 5, codec.ErrCorrupt, nil},

		{"zstd", codec.Zstd, zstd(t, hello), 5, nil, hello},
		{"zstd of nothing", codec.Zstd, zstd(t, nil), 0, nil, nil},
		{"zstd of more than a window", codec.Zstd, zstd(t, sample.Noise(9<<20, 0)), 9 << 20, nil, sample.Noise(9<<20, 0)},
		{"frames in a row", codec.Zstd, join(zstd(t, hello), zstd(t, hello)), 10, nil, []byte("hellohello")},
		{"skippable frames", codec.Zstd, join(skippable, zstd(t, hello), skippable), 5, nil, hello},
		{"gzip", codec.Gzip, gzipped(t, hello), 5, nil, hello},
		{"gzip of nothing", codec.Gzip, gzipped(t, nil), 0, nil, nil},
		{"members in a row", codec.Gzip, join(gzipped(t, hello), gzipped(t, hello)), 10, nil, []byte("hellohello")},

		{"zstd longer than size", codec.Zstd, zstd(t, hello), 4, codec.ErrSize, nil},
		{"zstd shorter than size", codec.Zstd, zstd(t, hello), 6, codec.ErrSize, nil},
		{"second frame past size", codec.Zstd, join(zstd(t, hello), zstd(t, hello)), 5, codec.ErrSize, nil},
		{"gzip longer than size", codec.Gzip, gzipped(t, hello), 4, codec.ErrSize, nil},
		{"gzip shorter than size", codec.Gzip, gzipped(t, hello), 6, codec.ErrSize, nil},
		{"second member past size", codec.Gzip, join(gzipped(t, hello), gzipped(t, hello)), 5, codec.ErrSize, nil},

		{"no frame", codec.Zstd, nil, 0, codec.ErrCorrupt, nil},
		{"not zstd", codec.Zstd, hello, 5, codec.ErrCorrupt, nil},
		{"zstd without its magic", codec.Zstd, zstd(t, hello)[4:], 5, codec.ErrCorrupt, nil},
		{"zstd cut", codec.Zstd, cut(zstd(t, hello)), 5, codec.ErrCorrupt, nil},
		{"a byte after zstd", codec.Zstd, join(zstd(t, hello), []byte{0}), 5, codec.ErrCorrupt, nil},
		{"bytes after zstd", codec.Zstd, join(zstd(t, hello), []byte("trailing")), 5, codec.ErrCorrupt, nil},
		{"half a frame after", codec.Zstd, join(zstd(t, hello), zstd(t, hello)[:6]), 5, codec.ErrCorrupt, nil},
		{"a dictionary", codec.Zstd, []byte("\x28\xb5\x2f\xfd\x21\x07\x05\x29\x00\x00hello"), 5, codec.ErrCorrupt, nil},
		{"a window of 8 MiB", codec.Zstd, []byte("\x28\xb5\x2f\xfd\x00\x68\x29\x00\x00hello"), 5, nil, hello},
		{"a window of 9 MiB", codec.Zstd, []byte("\x28\xb5\x2f\xfd\x00\x69\x29\x00\x00hello"), 5, codec.ErrWindow, nil},
		{"a segment of 9 MiB", codec.Zstd, []byte("\x28\xb5\x2f\xfd\xa0\x00\x00\x90\x00\x29\x00\x00hello"), 9 << 20, codec.ErrWindow, nil},

		{"no member", codec.Gzip, nil, 0, codec.ErrCorrupt, nil},
		{"not gzip", codec.Gzip, hello, 5, codec.ErrCorrupt, nil},
		{"gzip cut", codec.Gzip, cut(gzipped(t, hello)), 5, codec.ErrCorrupt, nil},
		{"a byte after gzip", codec.Gzip, join(gzipped(t, hello), []byte{0}), 5, codec.ErrCorrupt, nil},
		{"bytes after gzip", codec.Gzip, join(gzipped(t, hello), []byte("trailing")), 5, codec.ErrCorrupt, nil},

		{"unknown", "xz", compressed, 5, codec.ErrUnknown, nil},
		{"upper case", "BZIP2", compressed, 5, codec.ErrUnknown, nil},
		{"empty", "", compressed, 5, codec.ErrUnknown, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			readers := []io.Reader{bytes.NewReader(tc.src), iotest.DataErrReader(bytes.NewReader(tc.src))}
			if !testing.Short() || len(tc.src) < 1<<20 {
				readers = append(readers, iotest.OneByteReader(bytes.NewReader(tc.src)))
			}
			for _, src := range readers {
				var w bytes.Buffer
				err := codec.Copy(&w, tc.encoding, src, tc.size)
				require.ErrorIs(t, err, tc.want)
				require.LessOrEqual(t, int64(w.Len()), max(tc.size, 0))
				if tc.want == nil {
					require.True(t, bytes.Equal(tc.out, w.Bytes()))
				}
			}
			require.Equal(t, tc.want != codec.ErrUnknown, codec.Known(tc.encoding))
		})
	}
}

// A flip without an error, as in the block size, does not change the output.
func TestFlippedBitsNeverChangeTheOutput(t *testing.T) {
	data := []byte("the quick brown fox")
	compressed := compress(t, data)
	for bit := range len(compressed) * 8 {
		flipped := bytes.Clone(compressed)
		flipped[bit/8] ^= 0x80 >> (bit % 8)
		var w bytes.Buffer
		err := codec.Copy(&w, codec.Bzip2, bytes.NewReader(flipped), int64(len(data)))
		if err == nil {
			require.Equal(t, data, w.Bytes(), "bit %d", bit)
		}
	}
}

// testdata/bomb.bz2 is `head -c 1000000000 /dev/zero | bzip2 -9`: 722 bytes.
func TestBombStaysBounded(t *testing.T) {
	bomb, err := os.ReadFile("testdata/bomb.bz2")
	require.NoError(t, err)
	require.Len(t, bomb, 722)

	for _, src := range [][]byte{bomb, bytes.Repeat(bomb, 1000)} {
		const size = 1 << 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := &counter{}
		require.ErrorIs(t, codec.Copy(w, codec.Bzip2, bytes.NewReader(src), size), codec.ErrSize)
		runtime.ReadMemStats(&after)
		require.LessOrEqual(t, w.n, int64(size))
		// Four blocks of 3.6 MB each, and 1 MiB of output before its turn.
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20))
	}
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))

	return len(p), nil
}

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

var encodings = []string{codec.Bzip2, codec.Zstd, codec.Gzip, codec.None}

func TestWhoseErrorItIs(t *testing.T) {
	broken := errors.New("input/output error")
	compressed := compress(t, sample.Noise(100_000, 0))

	t.Run("source", func(t *testing.T) {
		for _, encoding := range encodings {
			begun := map[string][]byte{codec.Zstd: zstd(t, sample.Noise(100_000, 0)), codec.Gzip: gzipped(t, sample.Noise(100_000, 0))}[encoding]
			if begun == nil {
				begun = compressed
			}
			src := io.MultiReader(bytes.NewReader(begun[:1000]), iotest.ErrReader(broken))
			err := codec.Copy(io.Discard, encoding, src, 100_000)
			require.ErrorIs(t, err, broken)
			require.NotErrorIs(t, err, codec.ErrCorrupt)
		}
	})

	t.Run("destination", func(t *testing.T) {
		err := codec.Copy(writeFunc(func([]byte) (int, error) { return 0, broken }), codec.Bzip2, bytes.NewReader(compressed), 100_000)
		require.ErrorIs(t, err, broken)
		require.NotErrorIs(t, err, codec.ErrCorrupt)
		err = codec.Copy(writeFunc(func(p []byte) (int, error) { return len(p) - 1, nil }), codec.Bzip2, bytes.NewReader(compressed), 100_000)
		require.ErrorIs(t, err, io.ErrShortWrite)
	})

	t.Run("decoder", func(t *testing.T) {
		err := codec.Copy(io.Discard, codec.Bzip2, bytes.NewReader(compressed[:len(compressed)/2]), 100_000)
		require.ErrorIs(t, err, codec.ErrCorrupt)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
}

type panics struct{}

func (panics) Read([]byte) (int, error) { panic("index out of range") }

func TestPanicIsAnError(t *testing.T) {
	for _, encoding := range encodings {
		r, err := codec.Decode(encoding, panics{})
		require.NoError(t, err)
		for range 2 {
			_, err = r.Read(make([]byte, 10))
			require.ErrorIs(t, err, codec.ErrCorrupt)
			require.ErrorContains(t, err, "index out of range")
		}
		require.ErrorIs(t, codec.Copy(io.Discard, encoding, panics{}, 10), codec.ErrCorrupt)
	}
}

// heals fails once and then continues.
type heals struct{ reads int }

func (h *heals) Read(p []byte) (int, error) {
	h.reads++
	if h.reads == 2 {
		return 0, io.ErrClosedPipe
	}

	return copy(p, "x"), nil
}

// The first error is returned again.
func TestFirstErrorStays(t *testing.T) {
	r, err := codec.Decode(codec.None, &heals{})
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.Equal(t, "x", string(got))
	_, err = r.Read(make([]byte, 10))
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestDecodeUnknown(t *testing.T) {
	r, err := codec.Decode("xz\x1b", bytes.NewReader(nil))
	require.ErrorIs(t, err, codec.ErrUnknown)
	require.Nil(t, r)
	require.EqualError(t, err, fmt.Sprintf("unknown encoding: %q", "xz\x1b"))
}
