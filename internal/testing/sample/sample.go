// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package sample makes test data. The same arguments give the same data.
package sample

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Noise returns n bytes that do not compress.
func Noise(n int, seed byte) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)

	return data
}

// Binary returns the first MiB of the test's own binary.
func Binary(tb testing.TB) []byte {
	tb.Helper()
	name, err := os.Executable()
	require.NoError(tb, err)
	data, err := os.ReadFile(name)
	require.NoError(tb, err)

	return data[:min(len(data), 1<<20)]
}

// Edited returns data with insertions, deletions and scattered changes, as between
// two builds of a program.
func Edited(data []byte, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	out := bytes.Clone(data)
	for range 1 + len(data)/20_000 {
		at := r.IntN(len(out) + 1)
		cut := min(r.IntN(300), len(out)-at)
		out = bytes.Join([][]byte{out[:at], Noise(r.IntN(300), byte(seed)), out[at+cut:]}, nil)
	}
	for i := 0; i < len(out); i += 1 + r.IntN(400) {
		out[i] += byte(r.IntN(5))
	}

	return out
}
