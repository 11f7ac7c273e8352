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
	"testing"

	"github.com/stretchr/testify/require"
)

// seeded is a stream of a seed and one that continues it.
func seeded(level byte, fold uint32, skip int) []byte {
	w := bitWriter{b: seed(level, fold, skip)}
	w.n = 8*len(w.b) - (8-skip)%8
	again := bitWriter{b: seed(level, ^fold, 0)}
	for _, b := range again.b[4:] {
		w.put(uint64(b), 8)
	}
	w.put(finalMagic, magicBits)
	w.put(uint64(bits.RotateLeft32(fold, 1)^^fold), sumBits)

	return w.b
}

func TestSeed(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	folds := []uint32{0, 1, 1 << 31, 0xffffffff}
	// Four equal bytes, pairs and threes, besides what chance gives.
	for _, content := range []string{"aaaa", "abab", "abba", "aaab", "baaa", "\x00\x00\xff\xff", "\x00\x00\x00\x00"} {
		folds = append(folds, sumOf([]byte(content)))
		require.Equal(t, content, string(arrayOf(preimage(sumOf([]byte(content))))))
	}
	for range 2000 {
		folds = append(folds, random.Uint32())
	}
	for i, fold := range folds {
		skip, level := i%8, byte('1'+i%9)
		a, b := preimage(fold), preimage(^fold)
		got, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(seeded(level, fold, skip))))
		require.NoError(t, err, "fold %08x, skip %d", fold, skip)
		require.Equal(t, append(a[:], b[:]...), got)
		require.Equal(t, fold, sumOf(a[:]))
	}
}

func TestSeedIsBzip2(t *testing.T) {
	program, err := exec.LookPath("bzip2")
	if err != nil {
		t.Skip("no bzip2 here")
	}
	for skip := range 8 {
		cmd := exec.CommandContext(t.Context(), program, "-dc")
		cmd.Stdin = bytes.NewReader(seeded('9', 0xdeadbeef, skip))
		out, err := cmd.Output()
		require.NoError(t, err)
		a, b := preimage(0xdeadbeef), preimage(^uint32(0xdeadbeef))
		require.Equal(t, append(a[:], b[:]...), out)
	}
}

func arrayOf(b [seedSize]byte) []byte { return b[:] }

// sumOf is the CRC of a block, bit by bit as its definition goes.
func sumOf(data []byte) uint32 {
	sum := ^uint32(0)
	for _, b := range data {
		sum ^= uint32(b) << 24
		for range 8 {
			top := sum >> 31
			sum = sum<<1 ^ top*0x04C11DB7
		}
	}

	return ^sum
}
