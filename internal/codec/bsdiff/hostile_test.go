// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bsdiff_test

import (
	"bytes"
	"io"
	"math"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec/bsdiff"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/testing/sample"
)

const huge = math.MaxInt64

// Each differs in one thing from a valid patch.
func TestHostilePatches(t *testing.T) {
	good := func() parts {
		return parts{triples: []int64{4, 2, 2, 4, 0, 0}, diff: make([]byte, 8), extra: []byte("ab"), size: 10}
	}
	patch := good().compress(t)
	got, err := apply(old, patch, 10)
	require.NoError(t, err)
	require.Equal(t, "0123ab6789", string(got))

	header := func(at int, v int64) []byte {
		b := bytes.Clone(patch)
		copy(b[at:], number(nil, v))

		return b
	}
	change := func(f func(*parts)) []byte {
		p := good()
		f(&p)

		return p.compress(t)
	}
	triple := func(i int, v int64) []byte { return change(func(p *parts) { p.triples[i] = v }) }
	control, diff, extra := compress(t, good().control()), compress(t, good().diff), compress(t, good().extra)
	compressed := func(c, d, e []byte) []byte { return join(10, c, d, e) }
	with := func(b []byte, more ...byte) []byte { return append(bytes.Clone(b), more...) }

	for _, tc := range []struct {
		name  string
		patch []byte
		want  error
	}{
		{"empty", nil, bsdiff.ErrCorrupt},
		{"cut in the header", patch[:31], bsdiff.ErrCorrupt},
		{"header alone", patch[:32], bsdiff.ErrCorrupt},
		{"another format", with([]byte("BSDIFF41"), patch[8:]...), bsdiff.ErrCorrupt},
		{"control of negative length", header(8, -1), bsdiff.ErrCorrupt},
		{"control longer than the patch", header(8, int64(len(patch))-31), bsdiff.ErrCorrupt},
		{"control of huge length", header(8, huge), bsdiff.ErrCorrupt},
		{"control empty", header(8, 0), bsdiff.ErrCorrupt},
		{"control one shorter", header(8, int64(len(control))-1), bsdiff.ErrCorrupt},
		{"control one longer", header(8, int64(len(control))+1), bsdiff.ErrCorrupt},
		{"diff of negative length", header(16, -1), bsdiff.ErrCorrupt},
		{"diff longer than the rest", header(16, int64(len(diff)+len(extra))+1), bsdiff.ErrCorrupt},
		{"diff of huge length", header(16, huge), bsdiff.ErrCorrupt},
		{"diff takes all", header(16, int64(len(diff)+len(extra))), bsdiff.ErrCorrupt},
		{"size one less", header(24, 9), bsdiff.ErrSize},
		{"size one more", header(24, 11), bsdiff.ErrSize},
		{"size negative", header(24, -10), bsdiff.ErrSize},
		{"size huge", header(24, huge), bsdiff.ErrSize},
		{"size zero", header(24, 0), bsdiff.ErrSize},

		{"adds a negative number", triple(0, -4), bsdiff.ErrCorrupt},
		{"adds more than is left", triple(3, 5), bsdiff.ErrCorrupt},
		{"adds a huge number", triple(0, huge), bsdiff.ErrCorrupt},
		{"adds the most negative", triple(0, -huge), bsdiff.ErrCorrupt},
		{"inserts a negative number", triple(1, -2), bsdiff.ErrCorrupt},
		{"takes back what it adds", change(func(p *parts) { p.triples[0], p.triples[1] = 8, -2 }), bsdiff.ErrCorrupt},
		{"inserts more than is left", triple(4, 1), bsdiff.ErrCorrupt},
		{"inserts a huge number", triple(1, huge), bsdiff.ErrCorrupt},
		{"sum overflows to what is left", change(func(p *parts) {
			p.triples[0], p.triples[1], p.diff = huge, huge, make([]byte, 300_000)
		}), bsdiff.ErrCorrupt},
		{"gains room by adding less than nothing", change(func(p *parts) {
			p.triples, p.diff = []int64{-1, 0, 1, 4, 2, 2, 5, 0, 0}, make([]byte, 9)
		}), bsdiff.ErrCorrupt},
		{"gains room by inserting less than nothing", change(func(p *parts) {
			p.triples, p.diff = []int64{0, -1, 0, 4, 2, 2, 5, 0, 0}, make([]byte, 9)
		}), bsdiff.ErrCorrupt},
		{"seek that overflows", change(func(p *parts) { p.triples[2] = huge }), bsdiff.ErrCorrupt},
		{"seeks that overflow downwards", change(func(p *parts) {
			p.triples = append([]int64{0, 0, -huge, 0, 0, -huge}, p.triples...)
		}), bsdiff.ErrCorrupt},
		{"seek to where adding overflows", change(func(p *parts) { p.triples = append([]int64{0, 0, huge}, p.triples...) }), bsdiff.ErrCorrupt},

		{"triples end early", change(func(p *parts) { p.triples = p.triples[:3] }), bsdiff.ErrCorrupt},
		{"half a triple", change(func(p *parts) { p.triples = p.triples[:5] }), bsdiff.ErrCorrupt},
		{"a triple after the end", change(func(p *parts) { p.triples = append(p.triples, 0, 0, 0) }), bsdiff.ErrCorrupt},
		{"diff ends early", change(func(p *parts) { p.diff = p.diff[1:] }), bsdiff.ErrCorrupt},
		{"diff goes on", change(func(p *parts) { p.diff = append(p.diff, 0) }), bsdiff.ErrCorrupt},
		{"extra ends early", change(func(p *parts) { p.extra = p.extra[1:] }), bsdiff.ErrCorrupt},
		{"extra goes on", change(func(p *parts) { p.extra = append(p.extra, 0) }), bsdiff.ErrCorrupt},
		{"too many that make nothing", change(func(p *parts) {
			p.triples = append(make([]int64, 3*18), p.triples...)
		}), bsdiff.ErrCorrupt},

		{"control is not bzip2", compressed(make([]byte, 40), diff, extra), bsdiff.ErrCorrupt},
		{"diff is not bzip2", compressed(control, make([]byte, 40), extra), bsdiff.ErrCorrupt},
		{"extra is not bzip2", compressed(control, diff, make([]byte, 40)), bsdiff.ErrCorrupt},
		{"byte after control", compressed(with(control, 0), diff, extra), bsdiff.ErrCorrupt},
		{"byte after diff", compressed(control, with(diff, 0), extra), bsdiff.ErrCorrupt},
		{"byte after the patch", with(patch, 0), bsdiff.ErrCorrupt},
		{"last byte missing", patch[:len(patch)-1], bsdiff.ErrCorrupt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := apply(old, tc.patch, 10)
			require.ErrorIs(t, err, tc.want)
			require.LessOrEqual(t, len(got), 10)
		})
	}

	t.Run("streams that do not fit", func(t *testing.T) {
		room := int64(len(patch)) - 32
		for _, b := range [][]byte{
			header(8, -1), header(8, room+1), header(8, huge),
			header(16, -1), header(16, room-int64(len(control))+1), header(16, huge),
		} {
			_, err := apply(old, b, 10)
			require.ErrorContains(t, err, "do not fit", "found before decompression")
		}
	})
	t.Run("another size is expected", func(t *testing.T) {
		for _, size := range []int64{-10, -1, 0, 9, 11, huge, minusZero} {
			got, err := apply(old, patch, size)
			require.ErrorIs(t, err, bsdiff.ErrSize)
			require.Empty(t, got)
		}
	})
	t.Run("negative sizes", func(t *testing.T) {
		require.ErrorIs(t, bsdiff.Apply(t.Context(), io.Discard, bytes.NewReader(old), -1, bytes.NewReader(patch), int64(len(patch)), 10), bsdiff.ErrSize)
		require.ErrorIs(t, bsdiff.Apply(t.Context(), io.Discard, bytes.NewReader(old), 10, bytes.NewReader(patch), -1, 10), bsdiff.ErrSize)
	})
}

// The limit is the most that bsdiff can make: it makes one only before a match of
// more than eight bytes.
func TestTriplesThatMakeNothingAreCounted(t *testing.T) {
	const size = 800
	p := parts{triples: append(make([]int64, 3*(16+size/8)), 0, size, 0), extra: sample.Noise(size, 1), size: size}
	_, err := apply(nil, p.compress(t), size)
	require.NoError(t, err)
	p.triples = append(make([]int64, 3), p.triples...)
	_, err = apply(nil, p.compress(t), size)
	require.ErrorIs(t, err, bsdiff.ErrCorrupt)
}

// Bombs of 1 GB: forty million triples without output, or diff or extra bytes
// without end.
func TestBombsStayBounded(t *testing.T) {
	race.Skip(t, "counts allocations, and the detector adds its own")
	bomb, err := os.ReadFile("../testdata/bomb.bz2")
	require.NoError(t, err)
	bomb = bytes.Repeat(bomb, 100)
	const size = 1 << 20
	add := compress(t, parts{triples: []int64{size, 0, 0}}.control())
	insert := compress(t, parts{triples: []int64{0, size, 0}}.control())
	none, zeros := compress(t, nil), compress(t, make([]byte, size))

	for name, patch := range map[string][]byte{
		"control":          join(size, bomb, zeros, none),
		"diff":             join(size, add, bomb, none),
		"extra":            join(size, insert, none, bomb),
		"extra not needed": join(size, add, zeros, bomb),
		"all":              join(size, bomb, bomb, bomb),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			count := 0
			err := bsdiff.Apply(t.Context(), writeFunc(func(p []byte) (int, error) { count += len(p); return len(p), nil }),
				repeated{make([]byte, 10), size}, size, bytes.NewReader(patch), int64(len(patch)), size)
			runtime.ReadMemStats(&after)
			require.ErrorIs(t, err, bsdiff.ErrCorrupt)
			require.LessOrEqual(t, count, size)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(14<<20))
		})
	}
}

// With any flipped byte: no panic, no byte too many, no more memory than a valid
// patch. The output is wrong only if the byte is one that bzip2 does not check.
func TestFlippedBytes(t *testing.T) {
	race.Skip(t, "too slow; TestApplyAtBorders applies patches too")
	from := sample.Noise(3000, 1)
	to := sample.Edited(from, 2)
	patch := makePatch(t, from, to)
	for i := range patch {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			flipped := bytes.Clone(patch)
			flipped[i] ^= flip
			var before, after runtime.MemStats
			if i%64 == 0 {
				runtime.ReadMemStats(&before)
			}
			got, err := apply(from, flipped, int64(len(to)))
			if i%64 == 0 {
				runtime.ReadMemStats(&after)
				require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(14<<20))
			}
			require.LessOrEqual(t, len(got), len(to))
			if err == nil {
				require.True(t, bytes.Equal(to, got), "byte %d", i)

				continue
			}
			if i >= 24 && i < 32 {
				require.ErrorIs(t, err, bsdiff.ErrSize)
			} else {
				require.ErrorIs(t, err, bsdiff.ErrCorrupt, "byte %d", i)
			}
		}
	}
}
