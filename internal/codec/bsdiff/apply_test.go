// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bsdiff_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec/bsdiff"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/testing/sample"
)

// old is the old file of the handmade patches.
var old = []byte("0123456789")

func TestApplyHandmade(t *testing.T) {
	for _, tc := range []struct {
		name string
		parts
		want string
	}{
		{"nothing", parts{}, ""},
		{"all of it", parts{triples: []int64{10, 0, 0}, diff: make([]byte, 10), size: 10}, "0123456789"},
		{"each byte one more", parts{triples: []int64{9, 0, 0}, diff: bytes.Repeat([]byte{1}, 9), size: 9}, "123456789"},
		{"bytes wrap", parts{triples: []int64{2, 0, 0}, diff: []byte{0xff, 0xfe}, size: 2}, "//"},
		{"only new bytes", parts{triples: []int64{0, 3, 0}, extra: []byte("abc"), size: 3}, "abc"},
		{"there and back", parts{triples: []int64{2, 1, 5, 2, 1, -9, 1, 0, 0}, diff: make([]byte, 5), extra: []byte("ab"), size: 7}, "01a78b0"},
		{"a triple that makes nothing", parts{triples: []int64{0, 0, 4, 2, 0, 0}, diff: make([]byte, 2), size: 2}, "45"},
		{"minus zero", parts{triples: []int64{2, minusZero, minusZero, 1, 0, 0}, diff: make([]byte, 3), size: 3}, "012"},

		// As bspatch does.
		{"before the start", parts{triples: []int64{0, 0, -2, 4, 0, 0}, diff: []byte("abcd"), size: 4}, "ab\x93\x95"},
		{"past the end", parts{triples: []int64{0, 0, 8, 4, 0, 0}, diff: []byte("abcd"), size: 4}, "\x99\x9bcd"},
		{"over both ends", parts{triples: []int64{0, 0, -1, 12, 0, 0}, diff: append(append([]byte("a"), make([]byte, 10)...), 'z'), size: 12}, "a0123456789z"},
		{"wholly before", parts{triples: []int64{0, 0, -100, 2, 0, 0}, diff: []byte("ab"), size: 2}, "ab"},
		{"entirely after", parts{triples: []int64{0, 0, 100, 2, 0, 0}, diff: []byte("ab"), size: 2}, "ab"},
		{"ends just before the start", parts{triples: []int64{0, 0, -2, 2, 0, 0}, diff: []byte("ab"), size: 2}, "ab"},
		{"begins at the end", parts{triples: []int64{0, 0, 10, 2, 0, 0}, diff: []byte("ab"), size: 2}, "ab"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			patch := tc.compress(t)
			got, err := apply(old, patch, tc.size)
			require.NoError(t, err)
			require.Equal(t, tc.want, string(got))
			if theirs, ok := bspatch(t, old, patch); ok {
				require.Equal(t, tc.want, string(theirs), "bspatch makes something else")
			}
		})
	}
}

// Apply uses buffers of 64 and 128 KiB.
func TestApplyAtBorders(t *testing.T) {
	for _, border := range []int{8, 64 << 10, 128 << 10} {
		for size := border - 1; size <= border+1; size++ {
			from := sample.Noise(size+5, 1)
			to := append(sample.Edited(from, uint64(size)), sample.Noise(size, 4)...)[:size]
			got, err := apply(from, makePatch(t, from, to), int64(len(to)))
			require.NoError(t, err)
			require.True(t, bytes.Equal(to, got), "size %d", size)

			// Additions and insertions of nearly a chunk, one after the other.
			p := parts{triples: []int64{int64(size), int64(size), 1 - int64(size), 3, 0, 0}, diff: sample.Noise(size+3, 2), extra: sample.Noise(size, 3), size: int64(2*size) + 3}
			want := make([]byte, 0, p.size)
			for i := range size {
				want = append(want, p.diff[i]+from[i])
			}
			want = append(want, p.extra...)
			for i := range 3 {
				want = append(want, p.diff[size+i]+from[1+i])
			}
			got, err = apply(from, p.compress(t), p.size)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), "size %d", size)
		}
	}
}

var errDisk = errors.New("input/output error")

// failing fails to read from offset good on.
type failing struct {
	data []byte
	good int64
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.good {
		return 0, errDisk
	}

	return bytes.NewReader(f.data).ReadAt(p, off)
}

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

func TestWhoseErrorItIs(t *testing.T) {
	from := sample.Noise(400_000, 1)
	to := sample.Edited(from, 1)
	patch := makePatch(t, from, to)
	run := func(ctx context.Context, dst io.Writer, old, patchFile io.ReaderAt) error {
		return bsdiff.Apply(ctx, dst, old, int64(len(from)), patchFile, int64(len(patch)), int64(len(to)))
	}
	oldFile, patchFile := bytes.NewReader(from), bytes.NewReader(patch)

	for _, good := range []int64{0, 100, int64(len(patch)) / 2, int64(len(patch)) - 1} {
		err := run(t.Context(), io.Discard, oldFile, failing{patch, good})
		require.ErrorIs(t, err, errDisk)
		require.NotErrorIs(t, err, bsdiff.ErrCorrupt)
		require.ErrorContains(t, err, "reading the patch")
	}

	err := run(t.Context(), io.Discard, failing{from, 200_000}, patchFile)
	require.ErrorIs(t, err, errDisk)
	require.ErrorContains(t, err, "reading the old file")
	err = run(t.Context(), io.Discard, bytes.NewReader(from[:300_000]), patchFile)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NotErrorIs(t, err, bsdiff.ErrCorrupt)

	err = run(t.Context(), iotest.TruncateWriter(writeFunc(func([]byte) (int, error) { return 0, errDisk }), 10), oldFile, patchFile)
	require.ErrorIs(t, err, errDisk)
	err = run(t.Context(), writeFunc(func(p []byte) (int, error) { return len(p) - 1, nil }), oldFile, patchFile)
	require.ErrorIs(t, err, io.ErrShortWrite)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, run(ctx, io.Discard, oldFile, patchFile), context.Canceled)
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	err = run(ctx, writeFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }), oldFile, patchFile)
	require.ErrorIs(t, err, context.Canceled)
}

// borrowed is a patch that must not be read after Apply returns.
type borrowed struct {
	io.ReaderAt
	back, late atomic.Bool
}

func (b *borrowed) ReadAt(p []byte, off int64) (int, error) {
	n, err := b.ReaderAt.ReadAt(p, off)
	// Long enough for the other streams to fail.
	time.Sleep(5 * time.Millisecond)
	if b.back.Load() {
		b.late.Store(true)
	}

	return n, err
}

// The goroutines end with Apply, even if an argument panics.
func TestNoGoroutineOutlivesApply(t *testing.T) {
	from, to := sample.Noise(300_000, 1), sample.Noise(300_000, 2)
	whole := makePatch(t, from, to)
	corrupt := bytes.Clone(whole)
	corrupt[32]++
	before := runtime.NumGoroutine()
	full := writeFunc(func([]byte) (int, error) { return 0, errDisk })
	panics := writeFunc(func([]byte) (int, error) { panic("full") })

	for name, tc := range map[string]struct {
		dst   io.Writer
		patch []byte
	}{
		"success":         {io.Discard, whole},
		"disk full":       {full, whole},
		"panic":           {panics, whole},
		"corrupt control": {io.Discard, corrupt},
	} {
		t.Run(name, func(t *testing.T) {
			patch := &borrowed{ReaderAt: bytes.NewReader(tc.patch)}
			func() {
				defer func() { _ = recover() }()
				_ = bsdiff.Apply(t.Context(), tc.dst, bytes.NewReader(from), int64(len(from)), patch, int64(len(tc.patch)), int64(len(to)))
			}()
			patch.back.Store(true)
			// The runtime counts one until a moment after it let go.
			require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, 10*time.Second, time.Millisecond)
			require.False(t, patch.late.Load(), "the patch is read after Apply returned")
		})
	}
}

// repeated is a file of any size that uses no memory.
type repeated struct {
	unit []byte
	size int64
}

func (r repeated) ReadAt(p []byte, off int64) (int, error) {
	for n := 0; n < len(p); {
		n += copy(p[n:], r.unit[(off+int64(n))%int64(len(r.unit)):])
	}

	return len(p), nil
}

// The limit is the same for 1 MB and 64 MB.
func TestApplyStaysSmall(t *testing.T) {
	race.Skip(t, "counts allocations, and the detector adds its own")
	unit := sample.Noise(4096, 1)
	for _, size := range []int64{1 << 20, 64 << 20} {
		p := parts{triples: []int64{size, 1 << 20, 0}, diff: make([]byte, size), extra: sample.Noise(1<<20, 2), size: size + 1<<20}
		patch := p.compress(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		count := int64(0)
		err := bsdiff.Apply(t.Context(), writeFunc(func(p []byte) (int, error) { count += int64(len(p)); return len(p), nil }),
			repeated{unit, size}, size, bytes.NewReader(patch), int64(len(patch)), p.size)
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.Equal(t, p.size, count)
		// bzip2 uses 10.1 MB. This counts all allocations, so it is an upper
		// limit of the memory in use.
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(14<<20))
	}
}

func BenchmarkApply(b *testing.B) {
	from := sample.Noise(16<<20, 1)
	to := sample.Edited(from, 1)
	patch := makePatch(b, from, to)
	b.SetBytes(int64(len(to)))
	b.ReportAllocs()
	for b.Loop() {
		err := bsdiff.Apply(b.Context(), io.Discard, bytes.NewReader(from), int64(len(from)), bytes.NewReader(patch), int64(len(patch)), int64(len(to)))
		require.NoError(b, err)
	}
}
