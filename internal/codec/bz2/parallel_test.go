// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bz2_test

import (
	"bytes"
	"compress/bzip2"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec/bz2"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/testing/sample"
)

// The output does not depend on the machine.
func TestParallelDependsOnTheInputAlone(t *testing.T) {
	data := append(sample.Noise(1_900_000, 1), runs()...)
	want := compressBy(t, data, inParallel(1))
	for _, workers := range []int{2, 3, 8} {
		require.True(t, bytes.Equal(want, compressBy(t, data, inParallel(workers))), "%d workers", workers)
	}
	was := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(was)
	require.True(t, bytes.Equal(want, compressBy(t, data, inParallel(2))), "one processor")

	var b bytes.Buffer
	w, err := bz2.NewParallel(&b, 2)
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.True(t, bytes.Equal(want, b.Bytes()), "one write")
}

func TestParallelPieces(t *testing.T) {
	for _, n := range []int{0, 1, 899_999, 900_000, 900_001, 1_800_000, 1_800_001} {
		data := bytes.Repeat([]byte("ab"), n/2+1)[:n]
		compressed := compressBy(t, data, inParallel(2))
		got, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(compressed)))
		require.NoError(t, err, "%d bytes", n)
		require.True(t, bytes.Equal(data, got), "%d bytes", n)
		require.Equal(t, max((n+899_999)/900_000, 1), bytes.Count(compressed, []byte("BZh9")), "streams of %d bytes", n)
	}
}

func TestParallelFailureStays(t *testing.T) {
	data := sample.Noise(4_000_000, 1)
	for _, workers := range []int{1, 2, 5} {
		before := runtime.NumGoroutine()
		disk := &flaky{room: 1000}
		w, err := bz2.NewParallel(disk, workers)
		require.NoError(t, err)
		var failed error
		for range 10 {
			if _, failed = w.Write(data); failed != nil {
				break
			}
		}
		require.ErrorIs(t, failed, errFull)
		_, err = w.Write(data)
		require.ErrorIs(t, err, errFull)
		require.ErrorIs(t, w.Close(), errFull)
		require.ErrorIs(t, w.Close(), errFull)
		require.Zero(t, disk.after, "nothing is written after an error")
		waitForGoroutines(t, before)
	}

	t.Run("while closing", func(t *testing.T) {
		for _, some := range [][]byte{nil, data[:100_000], data[:1_000_000]} {
			disk := &flaky{room: 5}
			w, err := bz2.NewParallel(disk, 2)
			require.NoError(t, err)
			_, err = w.Write(some)
			require.NoError(t, err)
			require.ErrorIs(t, w.Close(), errFull)
			require.ErrorIs(t, w.Close(), errFull)
			require.Zero(t, disk.after)
		}
	})

	t.Run("after closing", func(t *testing.T) {
		w, err := bz2.NewParallel(io.Discard, 2)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		_, err = w.Write(data)
		require.Error(t, err)
		require.NoError(t, w.Close(), "closing twice is harmless")
	})

	t.Run("no workers", func(t *testing.T) {
		_, err := bz2.NewParallel(io.Discard, 0)
		require.Error(t, err)
	})
}

func TestParallelLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	w, err := bz2.NewParallel(io.Discard, 3)
	require.NoError(t, err)
	_, err = w.Write(sample.Noise(3_000_000, 1))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	waitForGoroutines(t, before)
}

// waitForGoroutines waits until there are no more goroutines than before. One that
// returned its result may still be running.
func waitForGoroutines(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}

// The data that waits to be written is limited for any input.
func TestParallelMemoryIsBounded(t *testing.T) {
	race.Skip(t, "counts allocations, and the detector adds its own")
	data := sample.Noise(900_000, 1)
	used := func(pieces int) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w, err := bz2.NewParallel(io.Discard, 2)
		require.NoError(t, err)
		for range pieces {
			_, err = w.Write(data)
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	// Later pieces allocate almost nothing.
	few, many := used(6), used(12)
	require.Less(t, many, few+few/4, "%d bytes for 6 pieces, %d for 12", few, many)
}

func BenchmarkParallel(b *testing.B) {
	data := bytes.Repeat(sample.Noise(300_000, 1), 30)
	for _, workers := range []int{1, 2} {
		b.Run(string('0'+rune(workers)), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				compressBy(b, data, inParallel(workers))
			}
		})
	}
}
