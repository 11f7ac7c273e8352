// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"compress/bzip2"
	"io"
	"math/bits"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// The magics must not overlap within a byte: find names one per byte, and a
// worker knows the byte in which a block ended, not the bit.
func TestMagicsDoNotOverlap(t *testing.T) {
	for shift := 1; shift < 8; shift++ {
		for _, a := range []uint64{blockMagic, finalMagic} {
			for _, b := range []uint64{blockMagic, finalMagic} {
				mask := uint64(1)<<(magicBits-shift) - 1
				require.NotEqual(t, a&mask, b>>shift)
			}
		}
	}
	require.NotEqual(t, blockMagic, finalMagic)
}

func TestFind(t *testing.T) {
	f := newFinder()
	for which := range 16 {
		for at := range 20 {
			var w bitWriter
			w.put(0, 8*at+which%8)
			w.put(magicAt(which), magicBits)
			w.put(0, 64)
			gotAt, got := f.find(w.b, 0)
			require.Equal(t, [2]int{at, which}, [2]int{gotAt, got})
			gotAt, got = f.find(w.b, at+1)
			require.Equal(t, -1, got)
			require.Less(t, len(w.b)-gotAt, 8)
		}
	}
}

// bzip2ed is what bzip2 itself makes of data.
func bzip2ed(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	program, err := exec.LookPath("bzip2")
	if err != nil {
		t.Skip("no bzip2 here")
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

// agree compares with the standard library: what is accepted, and the output.
func agree(t testing.TB, packed []byte) (z *bzip2Reader) {
	t.Helper()
	const limit = 4 << 20
	want, wantErr := io.ReadAll(io.LimitReader(bzip2.NewReader(bytes.NewReader(packed)), limit))
	z = newBzip2(bytes.NewReader(packed), 3).(*bzip2Reader)
	defer z.stop()
	got, err := io.ReadAll(io.LimitReader(z, limit))
	require.Equal(t, wantErr, err)
	require.True(t, bytes.Equal(want, got), "%d bytes instead of %d", len(got), len(want))

	return z
}

func TestBzip2AgreesWithTheStandardLibrary(t *testing.T) {
	for level := 1; level <= 9; level++ {
		packed := bzip2ed(t, text(level*250_000), level)
		require.Nil(t, agree(t, packed).serial, "level %d was not decoded in parallel", level)
	}
	small, none := bzip2ed(t, text(250_000), 1), bzip2ed(t, nil, 9)
	larger := bzip2ed(t, text(950_000), 9)
	for _, packed := range [][]byte{
		none, bytes.Join([][]byte{none, none, small, none, larger, small, none}, nil),
	} {
		require.Nil(t, agree(t, packed).serial)
	}
	for _, packed := range [][]byte{
		nil, []byte("B"), []byte("BZh9"), []byte("BZh0"), none[:9], none[:13], small[:len(small)-1], small[:40000],
		append(bytes.Clone(small), 0), append(bytes.Clone(small), "BZ"...), append(bytes.Clone(small), "BZh9 behind"...),
		append(bytes.Clone(small), larger[:5000]...),
	} {
		require.NotNil(t, agree(t, packed).serial)
	}
}

// Any bit may be wrong: of headers, magics, CRCs, the randomised flag, data.
func TestBzip2AgreesOnDamage(t *testing.T) {
	packed := bzip2ed(t, text(101_000), 1)
	random := rand.New(rand.NewPCG(5, 6))
	flips := []int{}
	for bit := range 8 * 15 {
		flips = append(flips, bit, 8*len(packed)-1-bit)
	}
	for range 20 {
		flips = append(flips, random.IntN(8*len(packed)))
	}
	for _, bit := range flips {
		damaged := bytes.Clone(packed)
		damaged[bit/8] ^= 0x80 >> (bit % 8)
		agree(t, damaged)
	}
}

// intruded is a stream of three blocks, with a magic inside the second: among
// the selectors, of which any run of bits with at most five ones in a row is
// some, and which mean nothing when all tables are the same.
func intruded(t testing.TB, magic uint64) []byte {
	t.Helper()
	content := preimage(0x12345678)
	last, row := burrowsWheeler(content)
	used := alphabet(content)
	symbols := moveToFront(last, used)
	var w bitWriter
	w.put(0x425a6839, 32)
	var fold uint32
	for n := range 3 {
		if n == 1 {
			w.put(blockMagic, magicBits)
			w.put(0x12345678, sumBits)
			w.put(0, 1)
			w.put(uint64(row), 24)
			w.putUsed(used)
			w.put(6, 3)
			// Each 0 ends a selector; the magics have no more than 5 ones in
			// a row.
			w.put(uint64(magicBits-bits.OnesCount64(magic)+3), 15)
			w.put(0, 1)
			w.put(magic, magicBits)
			w.put(0, 2)
			for range 6 {
				w.put(width, 5)
				w.put(0, len(used)+2)
			}
			for _, s := range symbols {
				w.put(uint64(s), width)
			}
		} else {
			whole := seed('9', 0x12345678, 0)
			for _, b := range whole[4:] {
				w.put(uint64(b), 8)
			}
		}
		fold = bits.RotateLeft32(fold, 1) ^ 0x12345678
	}
	w.put(finalMagic, magicBits)
	w.put(uint64(fold), sumBits)

	return w.b
}

func TestMagicInsideABlock(t *testing.T) {
	content := preimage(0x12345678)
	for _, magic := range []uint64{blockMagic, finalMagic} {
		packed := intruded(t, magic)
		got, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(packed)))
		require.NoError(t, err)
		require.Equal(t, bytes.Repeat(content[:], 3), got)
		require.NotNil(t, agree(t, packed).serial, "the magic was not seen")

		// Behind blocks and streams, at any bit, and with a wrong sum.
		before := bzip2ed(t, text(250_000), 1)
		agree(t, append(bytes.Clone(before), packed...))
		agree(t, append(bytes.Clone(packed), before...))
		packed[len(packed)-1] ^= 0x10
		agree(t, append(before, packed...))
	}
}

func TestBzip2ReadsAsItComes(t *testing.T) {
	data := text(250_000)
	packed := bzip2ed(t, data, 1)
	src := &source{r: iotest.OneByteReader(iotest.DataErrReader(bytes.NewReader(packed)))}
	require.NoError(t, iotest.TestReader(&guard{src: src, decoder: newBzip2(src, 2)}, data))
}

// oddDecoder panics when it has made so many bytes.
type oddDecoder struct {
	io.Reader
	left int
}

func (d *oddDecoder) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if d.left -= n; d.left <= 0 {
		panic("index out of range")
	}

	return n, err
}

// A panic in a goroutine that nobody watches would end the program.
func TestPanicOfAWorker(t *testing.T) {
	packed := bzip2ed(t, text(950_000), 1)
	for _, left := range []int{1, 50_000, 150_000} {
		src := &source{r: bytes.NewReader(packed)}
		z := newBzip2(src, 3).(*bzip2Reader)
		z.open = func(r io.Reader) io.Reader { return &oddDecoder{bzip2.NewReader(r), left} }
		_, err := io.ReadAll(&guard{src: src, decoder: z})
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorContains(t, err, "index out of range")
	}
}

type failing struct{ after int }

func (w *failing) Write(p []byte) (int, error) {
	if w.after -= len(p); w.after < 0 {
		return 0, io.ErrClosedPipe
	}

	return len(p), nil
}

// Copy leaves no goroutine, however it ends.
func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	packed := bzip2ed(t, text(1_500_000), 1)
	for range 5 {
		require.NoError(t, Copy(io.Discard, Bzip2, bytes.NewReader(packed), 1_500_000))
		require.ErrorIs(t, Copy(&failing{300_000}, Bzip2, bytes.NewReader(packed), 1_500_000), io.ErrClosedPipe)
		require.ErrorIs(t, Copy(io.Discard, Bzip2, bytes.NewReader(packed), 1000), ErrSize)
		require.ErrorIs(t, Copy(io.Discard, Bzip2, bytes.NewReader(packed[:90_000]), 1_500_000), ErrCorrupt)
		require.ErrorIs(t, Copy(io.Discard, Zstd, bytes.NewReader(packed), 10), ErrCorrupt)
		require.ErrorIs(t, Copy(io.Discard, Gzip, iotest.ErrReader(io.ErrNoProgress), 10), io.ErrNoProgress)
		r, err := Decode(Bzip2, bytes.NewReader(packed))
		require.NoError(t, err)
		_, err = io.ReadFull(r, make([]byte, 1000))
		require.NoError(t, err)
		require.NoError(t, r.Close())
		_, err = r.Read(make([]byte, 10))
		require.ErrorIs(t, err, io.ErrClosedPipe)
	}
	// A goroutine that is returning still counts for a moment.
	for i := 0; runtime.NumGoroutine() > before && i < 1000; i++ {
		time.Sleep(time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}

// FuzzBzip2 holds for any input: output and error are the standard library's.
func FuzzBzip2(f *testing.F) {
	f.Add(intruded(f, blockMagic))
	f.Add(intruded(f, finalMagic))
	f.Add(append(seeded('1', 7, 3), seeded('9', 8, 5)...))
	f.Add([]byte("BZh9\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, packed []byte) { agree(t, packed) })
}
