// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package zst_test

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec/zst"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/testing/sample"
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

func TestOthersReadIt(t *testing.T) {
	race.Skip(t, "other programs do the work")
	program, missing := exec.LookPath("zstd")
	if missing != nil {
		t.Log("NOT PROVEN: no zstd program here, so only the library reads the frames")
	}
	for name, data := range map[string][]byte{
		"empty": nil, "a byte": {0}, "tiny": []byte("hello\n"), "run": bytes.Repeat([]byte{'a'}, 1<<20),
		"noise": sample.Noise(300_000, 1), "a program": sample.Binary(t), "more than a window": bytes.Repeat(sample.Noise(1<<20, 1), 10),
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
	data := sample.Binary(t)
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
	for name, some := range map[string][]byte{"while writing": sample.Noise(1<<20, 1), "while closing": sample.Noise(1000, 1)} {
		t.Run(name, func(t *testing.T) {
			disk := &flaky{room: 5}
			w, err := zst.NewWriter(disk)
			require.NoError(t, err)
			_, _ = w.Write(some)
			require.ErrorIs(t, w.Close(), errFull)
			_, err = w.Write(some)
			require.ErrorIs(t, err, errFull)
			require.ErrorIs(t, w.Close(), errFull)
			require.Zero(t, disk.after, "nothing is written after an error")
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
