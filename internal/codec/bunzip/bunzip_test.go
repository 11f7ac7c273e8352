// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bunzip

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/testing/sample"
)

// bzip2ed compresses data with the program bzip2.
func bzip2ed(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	program, err := exec.LookPath("bzip2")
	if err != nil {
		t.Skip("NOT PROVEN: the program bzip2 is not installed")
	}
	cmd := exec.CommandContext(t.Context(), program, "-c", "-"+strconv.Itoa(level))
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	require.NoError(t, err)

	return out
}

func text(n int) []byte {
	random := rand.New(rand.NewPCG(3, 4))
	var b []byte
	for len(b) < n {
		b = append(b, bytes.Repeat([]byte{byte('a' + random.IntN(9))}, 1+random.IntN(7))...)
	}

	return b[:n]
}

func decompress(src io.Reader, limit int64) ([]byte, error) {
	worker := Start()
	defer worker.Stop()

	return io.ReadAll(io.LimitReader(NewReader(src, worker), limit))
}

// agree compares with the standard library. If strict, this package may reject what
// the library accepts.
func agree(t testing.TB, compressed []byte, strict bool) {
	t.Helper()
	const limit = 4 << 20
	want, wantErr := io.ReadAll(io.LimitReader(bzip2.NewReader(bytes.NewReader(compressed)), limit))
	got, err := decompress(bytes.NewReader(compressed), limit)
	if err != nil {
		require.True(t, strict || wantErr != nil, err)
		require.True(t, bytes.HasPrefix(want, got))

		return
	}
	require.NoError(t, wantErr)
	require.True(t, bytes.Equal(want, got), "%d bytes instead of %d", len(got), len(want))
}

func TestReaderAgreesWithTheStandardLibrary(t *testing.T) {
	race.Skip(t, "too slow; TestRefused decodes some of the same inputs")
	for level := 1; level <= 9; level++ {
		agree(t, bzip2ed(t, text(level*250_000), level), false)
	}
	small, none, larger := bzip2ed(t, text(250_000), 1), bzip2ed(t, nil, 9), bzip2ed(t, text(950_000), 9)
	for name, compressed := range map[string][]byte{
		"empty input": none,
		"streams":     bytes.Join([][]byte{none, none, small, none, larger, small, none}, nil),
		"noise":       bzip2ed(t, sample.Noise(950_000, 0), 9),
		"zeros":       bzip2ed(t, make([]byte, 3_000_000), 1),
		"a byte":      bzip2ed(t, []byte("x"), 9),
		"words":       bzip2ed(t, bytes.Repeat([]byte("abab"), 30_000), 1),
		"all bytes":   bzip2ed(t, []byte(string(sample.Noise(255, 0))+"\x00\x00\x00\x00\xff\xff\xff\xff"), 9),
	} {
		t.Run(name, func(t *testing.T) { agree(t, compressed, false) })
	}
	var runs []byte
	for n := range 600 {
		runs = append(append(runs, bytes.Repeat([]byte("x"), n)...), byte(n))
	}
	agree(t, bzip2ed(t, runs, 1), false)
}

func TestRefused(t *testing.T) {
	small, none := bzip2ed(t, text(250_000), 1), bzip2ed(t, nil, 9)
	with := func(b []byte, more string) []byte { return append(bytes.Clone(b), more...) }
	for name, tc := range map[string]struct {
		compressed []byte
		want       error
	}{
		"nothing":                {nil, io.ErrUnexpectedEOF},
		"half a header":          {[]byte("BZ"), io.ErrUnexpectedEOF},
		"a header":               {[]byte("BZh9"), io.ErrUnexpectedEOF},
		"level 0":                {with([]byte("BZh0"), string(none[4:])), invalid("invalid header of a stream")},
		"no end":                 {none[:4], io.ErrUnexpectedEOF},
		"half an end":            {none[:9], io.ErrUnexpectedEOF},
		"a byte short":           {none[:13], io.ErrUnexpectedEOF},
		"blocks a byte short":    {small[:len(small)-1], io.ErrUnexpectedEOF},
		"cut in a block":         {small[:40_000], io.ErrUnexpectedEOF},
		"a zero after":           {with(small, "\x00"), io.ErrUnexpectedEOF},
		"a B after":              {with(small, "B"), io.ErrUnexpectedEOF},
		"zeros after":            {with(small, "\x00\x00\x00\x00"), invalid("invalid header of a stream")},
		"another header after":   {with(small, "BZh9 behind"), invalid("neither a block nor the end of a stream")},
		"half a stream after":    {with(small, string(small[:5000])), io.ErrUnexpectedEOF},
		"gzip":                   {with([]byte("\x1f\x8b\x08\x00"), string(none)), invalid("invalid header of a stream")},
		"wrong sum of a stream":  {with(small[:len(small)-2], "xx"), invalid("wrong checksum of a stream")},
		"wrong sum of no blocks": {with(none[:13], "\x01"), invalid("wrong checksum of a stream")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decompress(bytes.NewReader(tc.compressed), 1<<20)
			require.Equal(t, tc.want, err)
			agree(t, tc.compressed, false)
		})
	}
}

// Any bit may be flipped: of headers, magics, checksums, tables, data.
func TestReaderAgreesOnDamage(t *testing.T) {
	race.Skip(t, "too slow; TestRefused decodes some of the same inputs")
	compressed := bzip2ed(t, text(101_000), 1)
	random := rand.New(rand.NewPCG(5, 6))
	flips := []int{}
	for bit := range 8 * 15 {
		flips = append(flips, bit, 8*len(compressed)-1-bit)
	}
	for range 200 {
		flips = append(flips, random.IntN(8*min(len(compressed), 400)), random.IntN(8*len(compressed)))
	}
	for _, bit := range flips {
		damaged := bytes.Clone(compressed)
		damaged[bit/8] ^= 0x80 >> (bit % 8)
		agree(t, damaged, true)
	}
}

func TestReadsAsItComes(t *testing.T) {
	data := text(250_000)
	compressed := bzip2ed(t, data, 1)
	worker := Start()
	defer worker.Stop()
	require.NoError(t, iotest.TestReader(NewReader(iotest.OneByteReader(iotest.DataErrReader(bytes.NewReader(compressed))), worker), data))
	for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader, iotest.HalfReader} {
		got, err := decompress(wrap(bytes.NewReader(compressed)), 1<<20)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got))
	}
}

var errDisk = errors.New("input/output error")

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

// The output before an error of the source is returned. The error is not taken for
// the end of the input, even after a stream.
func TestErrorsOfTheSource(t *testing.T) {
	data := text(250_000)
	compressed := bzip2ed(t, data, 1)
	for _, n := range []int{0, 3, 1000, len(compressed) / 2, len(compressed) - 1, len(compressed)} {
		got, err := decompress(io.MultiReader(bytes.NewReader(compressed[:n]), iotest.ErrReader(errDisk)), 1<<20)
		require.ErrorIs(t, err, errDisk, n)
		require.True(t, bytes.HasPrefix(data, got))
		if n == len(compressed) {
			require.Equal(t, data, got)
		}
	}
	_, err := decompress(silent{}, 10)
	require.ErrorIs(t, err, io.ErrNoProgress)
}

// An error is returned again, and other readers can still use the Worker.
func TestErrorsStay(t *testing.T) {
	compressed := bzip2ed(t, text(1000), 1)
	damaged := bytes.Clone(compressed)
	damaged[10] ^= 1
	worker := Start()
	z := NewReader(bytes.NewReader(damaged), worker)
	_, want := io.ReadAll(z)
	require.Equal(t, invalid("wrong checksum of a block"), want)
	for range 2 {
		_, err := z.Read(make([]byte, 1))
		require.Equal(t, want, err)
	}
	got, err := io.ReadAll(NewReader(bytes.NewReader(compressed), worker))
	require.NoError(t, err)
	require.Equal(t, text(1000), got)
	worker.Stop()
	worker.Stop()
}

// A panic in the goroutine would end the program.
func TestPanicOfAWorker(t *testing.T) {
	worker := Start()
	defer worker.Stop()
	b := &block{column: []byte("abc"), start: 3, done: make(chan struct{}, 1)}
	worker.todo <- b
	<-b.done
	require.ErrorContains(t, b.err, "the decoder panicked: runtime error: index out of range")

	z := NewReader(bytes.NewReader(nil), worker)
	z.queue = append(z.queue, b)
	b.done <- struct{}{}
	_, err := z.Read(make([]byte, 1))
	require.Equal(t, b.err, err)
}

// FuzzReader compares accepted inputs and their output with the standard library.
func FuzzReader(f *testing.F) {
	f.Add([]byte("BZh9\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00"))
	f.Add([]byte(nil))
	f.Add(bzip2ed(f, text(500), 1))
	f.Fuzz(func(t *testing.T, compressed []byte) { agree(t, compressed, true) })
}
