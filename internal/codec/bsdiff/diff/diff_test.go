// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package diff_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec/bsdiff"
	"github.com/choria-io/go-updater/internal/codec/bsdiff/diff"
	"github.com/choria-io/go-updater/internal/testing/sample"
)

func makePatch(t testing.TB, from, to []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, diff.Write(t.Context(), &b, from, to, nil))

	return b.Bytes()
}

func requireMakes(t testing.TB, want, from, patch []byte) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, bsdiff.Apply(t.Context(), &b, bytes.NewReader(from), int64(len(from)), bytes.NewReader(patch), int64(len(patch)), int64(len(want))))
	require.True(t, bytes.Equal(want, b.Bytes()), "the patch makes something else")
}

func TestRoundTrip(t *testing.T) {
	program := sample.Binary(t)
	half := len(program) / 2
	for _, tc := range []struct {
		name     string
		from, to []byte
		limit    int // bytes of the patch
	}{
		{"both empty", nil, nil, 80},
		{"from nothing", nil, program, len(program)},
		{"to nothing", program, nil, 80},
		{"to one byte", program, program[:1], 200},
		{"from one byte", program[:1], program[:100], 400},
		{"bytes", []byte("a"), []byte("b"), 200},
		{"equal", program, program, 300},
		{"edited", program, sample.Edited(program, 1), len(program) / 50},
		{"halves exchanged", program, bytes.Join([][]byte{program[half:], program[:half]}, nil), 400},
		{"grown at the front", program, append(sample.Noise(1000, 1), program...), 2500},
		{"nothing in common", sample.Noise(100_000, 1), sample.Noise(100_000, 2), 110_000},
		{"zeros", make([]byte, 1<<20), make([]byte, 1<<20+7), 400},
		{"a repeat that drifts", bytes.Repeat([]byte("abc"), 100_000), bytes.Repeat([]byte("abcd"), 100_000), 40_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			patch := makePatch(t, tc.from, tc.to)
			requireMakes(t, tc.to, tc.from, patch)
			require.LessOrEqual(t, len(patch), tc.limit)
		})
	}

	t.Run("tiny", func(t *testing.T) {
		for i := range 9 {
			for j := range 9 {
				from, to := []byte("abababab")[:i], []byte("babbabab")[:j]
				requireMakes(t, to, from, makePatch(t, from, to))
			}
		}
	})
	t.Run("random", func(t *testing.T) {
		for seed := range uint64(40) {
			from := sample.Noise(int(seed*seed*20), byte(seed))
			to := sample.Edited(from, seed)
			requireMakes(t, to, from, makePatch(t, from, to))
		}
	})
}

func TestSameFilesSamePatch(t *testing.T) {
	from := sample.Binary(t)
	to := sample.Edited(from, 1)
	require.True(t, bytes.Equal(makePatch(t, from, to), makePatch(t, from, to)))
}

// Two nearly equal halves cost a simple search the square of their size: at each
// byte the other half has a longer match, but not by enough. Without a limit, this
// runs for minutes.
func TestRepeatsAreBounded(t *testing.T) {
	half := sample.Noise(2<<20, 1)
	other := bytes.Clone(half)
	for i := range 5 {
		other[len(other)-1-i*3] ^= 1
	}
	from, to := append(bytes.Clone(other), half...), append(bytes.Clone(other[:1<<20]), half[1<<20:]...)
	requireMakes(t, to, from, makePatch(t, from, to))
}

func TestProgress(t *testing.T) {
	from := sample.Noise(2<<20, 1)
	to := sample.Edited(from, 1)
	total, last, calls := int64(len(from)+len(to)), int64(0), 0
	require.NoError(t, diff.Write(t.Context(), io.Discard, from, to, func(done, all int64) {
		require.Equal(t, total, all)
		require.GreaterOrEqual(t, done, last)
		last = done
		calls++
	}))
	require.Equal(t, total, last)
	require.Greater(t, calls, 5)
}

func TestCancel(t *testing.T) {
	from := sample.Noise(3<<20, 1)
	to := sample.Edited(from, 1)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, from := range [][]byte{nil, from} {
		var b bytes.Buffer
		require.ErrorIs(t, diff.Write(ctx, &b, from, to, nil), context.Canceled)
		require.Zero(t, b.Len())
	}

	// While comparing.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	err := diff.Write(ctx, io.Discard, from, to, func(int64, int64) { calls++; cancel() })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, calls)
}

type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

func TestWriteFails(t *testing.T) {
	full := errors.New("no space left on device")
	for fail := range 4 {
		n := 0
		err := diff.Write(t.Context(), writeFunc(func(p []byte) (int, error) {
			n++
			if n > fail {
				return 0, full
			}

			return len(p), nil
		}), []byte("old"), []byte("new"), nil)
		require.ErrorIs(t, err, full)
		require.Equal(t, fail+1, n)
	}
}

// FuzzRoundTrip checks that a patch of the old file gives the new one.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte(nil), []byte(nil))
	f.Add([]byte("hello"), []byte("hello, world"))
	f.Add(bytes.Repeat([]byte{0}, 300), bytes.Repeat([]byte{0}, 200))
	f.Add(sample.Noise(300, 1), sample.Edited(sample.Noise(300, 1), 1))
	f.Fuzz(func(t *testing.T, from, to []byte) {
		requireMakes(t, to, from, makePatch(t, from, to))
	})
}

func BenchmarkWrite(b *testing.B) {
	from := sample.Noise(4<<20, 1)
	to := sample.Edited(from, 1)
	b.SetBytes(int64(len(to)))
	b.ReportAllocs()
	for b.Loop() {
		makePatch(b, from, to)
	}
}
