// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bz2_test

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec/bz2"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/testing/sample"
)

func compress(t testing.TB, data []byte) []byte {
	t.Helper()

	return compressBy(t, data, bz2.NewWriter)
}

func inParallel(workers int) func(io.Writer) (io.WriteCloser, error) {
	return func(w io.Writer) (io.WriteCloser, error) { return bz2.NewParallel(w, workers) }
}

func compressBy(t testing.TB, data []byte, open func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := open(&b)
	require.NoError(t, err)
	// Writes of different sizes, as from a file.
	for rest := data; len(rest) > 0; {
		n := min(len(rest), 70_001)
		wrote, err := w.Write(rest[:n])
		require.NoError(t, err)
		require.Equal(t, n, wrote)
		rest = rest[n:]
	}
	require.NoError(t, w.Close())
	require.NoError(t, w.Close(), "closing twice is harmless")

	return b.Bytes()
}

// program runs bzip2, which v0.1.0 and publishers use.
func program(t *testing.T, in []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bzip2", args...)
	cmd.Stdin = bytes.NewReader(in)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())

	return out
}

// runs has runs of all lengths near the limits of bzip2's first stage.
func runs() []byte {
	var b bytes.Buffer
	for n := range 600 {
		b.Write(bytes.Repeat([]byte{byte(n % 3)}, n))
	}

	return b.Bytes()
}

// fibonacci gives the most uneven code lengths.
func fibonacci() []byte {
	var b bytes.Buffer
	for sym, x, y := 0, 1, 1; b.Len() < 300_000; sym, x, y = sym+1, y, x+y {
		b.Write(bytes.Repeat([]byte{byte(sym), byte(sym + 100)}, x))
	}
	data := b.Bytes()
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(data), func(i, j int) { data[i], data[j] = data[j], data[i] })

	return data
}

func TestOthersReadIt(t *testing.T) {
	race.Skip(t, "other programs do the work")
	_, missing := exec.LookPath("bzip2")
	if missing != nil {
		t.Log("NOT PROVEN: no bzip2 program here, so only compress/bzip2 reads the streams")
	}

	for _, tc := range []struct {
		name string
		data []byte
	}{
		{"empty", nil},
		{"a byte", []byte{0}},
		{"tiny", []byte("hello\n")},
		{"all bytes", func() []byte {
			all := make([]byte, 256)
			for i := range all {
				all[i] = byte(i)
			}
			return all
		}()},
		{"three of a kind", []byte("aaa")},
		{"four of a kind", []byte("aaaa")},
		{"longest run", bytes.Repeat([]byte{'a'}, 259)},
		{"one more", bytes.Repeat([]byte{'a'}, 260)},
		{"runs", runs()},
		{"long run", bytes.Repeat([]byte{0xff}, 10_000_000)},
		{"incompressible, a block", sample.Noise(900_000, 1)},
		{"incompressible, then a run over the end of the block", append(sample.Noise(899_998, 1), bytes.Repeat([]byte{7}, 1000)...)},
		{"two letters", bytes.Repeat([]byte("ab"), 300_000)},
		{"uneven", fibonacci()},
		{"a program", sample.Binary(t)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, compressed := range map[string][]byte{"one stream": compress(t, tc.data), "in parallel": compressBy(t, tc.data, inParallel(2))} {
				got, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(compressed)))
				require.NoError(t, err, name)
				require.True(t, bytes.Equal(tc.data, got), "compress/bzip2 reads something else, %s", name)
				require.LessOrEqual(t, len(compressed), len(tc.data)+len(tc.data)/50+600, "bzip2's own bound, %s", name)

				if missing != nil {
					continue
				}
				require.True(t, bytes.Equal(tc.data, program(t, compressed, "-dc")), "bzip2 reads something else, %s", name)
				theirs := len(program(t, tc.data, "-9c"))
				require.Less(t, len(compressed), theirs+theirs/10+1200, "bzip2 -9 makes %d bytes of it, %s", theirs, name)
			}
		})
	}
}

func TestSameInputSameOutput(t *testing.T) {
	data := sample.Binary(t)[:200_000]
	require.True(t, bytes.Equal(compress(t, data), compress(t, data)))
}

var errFull = errors.New("no space left on device")

// flaky fails once, after room bytes, like a full disk that gets space again.
type flaky struct {
	room   int
	failed bool
	after  int // writes since
}

func (f *flaky) Write(p []byte) (int, error) {
	if !f.failed && len(p) > f.room {
		f.failed = true

		return f.room, errFull
	}
	f.room -= len(p)
	if f.failed {
		f.after++
	}

	return len(p), nil
}

func TestFailureStays(t *testing.T) {
	data := sample.Noise(1_000_000, 1)

	t.Run("while writing", func(t *testing.T) {
		disk := &flaky{room: 1000}
		w, err := bz2.NewWriter(disk)
		require.NoError(t, err)
		_, err = w.Write(data)
		require.ErrorIs(t, err, errFull)
		_, err = w.Write(data)
		require.ErrorIs(t, err, errFull)
		after := disk.after
		require.ErrorIs(t, w.Close(), errFull)
		require.ErrorIs(t, w.Close(), errFull)
		require.Equal(t, after, disk.after, "nothing is written after an error")
	})

	for name, some := range map[string][]byte{"last block": data[:100_000], "end": nil} {
		t.Run("while closing, "+name, func(t *testing.T) {
			disk := &flaky{room: 5}
			w, err := bz2.NewWriter(disk)
			require.NoError(t, err)
			_, err = w.Write(some)
			require.NoError(t, err)
			require.ErrorIs(t, w.Close(), errFull)
			after := disk.after
			require.ErrorIs(t, w.Close(), errFull)
			require.Equal(t, after, disk.after)
		})
	}

	t.Run("after closing", func(t *testing.T) {
		w, err := bz2.NewWriter(io.Discard)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		_, err = w.Write(data)
		require.Error(t, err)
	})
}

// FuzzRoundTrip checks that compress/bzip2 reads what is written.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte(nil), uint16(0))
	f.Add([]byte("hello"), uint16(1))
	f.Add(bytes.Repeat([]byte{0}, 300), uint16(3))
	f.Add(sample.Noise(1000, 1), uint16(40))
	f.Fuzz(func(t *testing.T, data []byte, times uint16) {
		data = bytes.Repeat(data, int(times%64)+1)
		got, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(compress(t, data))))
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got))
	})
}
