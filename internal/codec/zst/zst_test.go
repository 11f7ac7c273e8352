// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package zst_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec/zst"
)

func compress(t testing.TB, data []byte, step int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zst.NewWriter(&b)
	require.NoError(t, err)
	for rest := data; len(rest) > 0; {
		n := min(len(rest), step)
		wrote, err := w.Write(rest[:n])
		require.NoError(t, err)
		require.Equal(t, n, wrote)
		rest = rest[n:]
	}
	require.NoError(t, w.Close())
	require.NoError(t, w.Close(), "closing twice is harmless")

	return b.Bytes()
}

func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)

	return data
}

func self(t testing.TB) []byte {
	t.Helper()
	name, err := os.Executable()
	require.NoError(t, err)
	data, err := os.ReadFile(name)
	require.NoError(t, err)

	return data[:min(len(data), 1<<20)]
}

func TestOthersReadIt(t *testing.T) {
	program, missing := exec.LookPath("zstd")
	if missing != nil {
		t.Log("SKIPPED IN PART: no zstd program here, so only the library reads the frames")
	}
	for name, data := range map[string][]byte{
		"empty": nil, "a byte": {0}, "tiny": []byte("hello\n"), "run": bytes.Repeat([]byte{'a'}, 1<<20),
		"noise": noise(300_000), "a program": self(t), "more than a window": bytes.Repeat(noise(1<<20), 10),
	} {
		t.Run(name, func(t *testing.T) {
			compressed := compress(t, data, 70_001)
			require.NotEmpty(t, compressed)
			// What clients grant: a window that is larger fails here.
			z, err := zstd.NewReader(bytes.NewReader(compressed), zstd.WithDecoderMaxWindow(8<<20))
			require.NoError(t, err)
			defer z.Close()
			got, err := io.ReadAll(z)
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, got))
			if missing == nil {
				cmd := exec.CommandContext(t.Context(), program, "-dcM8MiB")
				cmd.Stdin = bytes.NewReader(compressed)
				got, err := cmd.Output()
				require.NoError(t, err)
				require.True(t, bytes.Equal(data, got))
			}
		})
	}
}

// The output does not depend on the machine.
func TestDependsOnTheInputAlone(t *testing.T) {
	data := self(t)
	want := compress(t, data, 1<<20)
	require.True(t, bytes.Equal(want, compress(t, data, 1000)))
	was := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(was)
	require.True(t, bytes.Equal(want, compress(t, data, 1<<20)))
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
	for name, some := range map[string][]byte{"while writing": noise(1 << 20), "while closing": noise(1000)} {
		t.Run(name, func(t *testing.T) {
			disk := &flaky{room: 5}
			w, err := zst.NewWriter(disk)
			require.NoError(t, err)
			_, _ = w.Write(some)
			require.ErrorIs(t, w.Close(), errFull)
			_, err = w.Write(some)
			require.ErrorIs(t, err, errFull)
			require.ErrorIs(t, w.Close(), errFull)
			require.Zero(t, disk.after, "nothing is written behind torn bytes")
		})
	}
	t.Run("after closing", func(t *testing.T) {
		w, err := zst.NewWriter(io.Discard)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		_, err = w.Write([]byte("x"))
		require.Error(t, err)
	})
}
