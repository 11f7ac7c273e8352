// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bsdiff

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

type panics struct{}

func (panics) Read([]byte) (int, error) { panic("index out of range") }

// A panic in our goroutine would end the program.
func TestPanicIsAnError(t *testing.T) {
	s := newStream(t.Context(), &source{r: bytes.NewReader(nil)}, panics{})
	go s.decompress()
	for range 2 {
		_, err := s.next(10)
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorContains(t, err, "index out of range")
		require.ErrorIs(t, s.end(), ErrCorrupt)
	}
}

func TestAddBytes(t *testing.T) {
	for length := range 40 {
		a, b := make([]byte, length), make([]byte, length+1)
		want := make([]byte, length)
		for i := range a {
			a[i], b[i] = byte(i*37+200), byte(i*101+150)
			want[i] = a[i] + b[i]
		}
		addBytes(a, b)
		require.Equal(t, want, a)
	}
	for x := range 256 {
		for y := range 256 {
			a, b := bytes.Repeat([]byte{byte(x)}, 8), bytes.Repeat([]byte{byte(y)}, 8)
			addBytes(a, b)
			require.Equal(t, bytes.Repeat([]byte{byte(x + y)}, 8), a)
		}
	}
}
