// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/testing/sample"
)

// Output of the common programs is accepted, except that of zstd with a window
// that decoders need not support.
func TestProgramsAgree(t *testing.T) {
	race.Skip(t, "other programs do the work")
	data := bytes.Repeat(sample.Noise(300_000, 0), 5)
	for _, tc := range []struct {
		encoding string
		args     []string
		want     error
	}{
		{codec.Bzip2, []string{"bzip2", "-9"}, nil},
		{codec.Gzip, []string{"gzip", "-9"}, nil},
		{codec.Zstd, []string{"zstd", "-19"}, nil},
		{codec.Zstd, []string{"zstd", "-1", "--no-check"}, nil},
		{codec.Zstd, []string{"zstd", "-1", "--long=24"}, codec.ErrWindow},
	} {
		program, err := exec.LookPath(tc.args[0])
		if err != nil {
			t.Logf("no %s here", tc.args[0])

			continue
		}
		cmd := exec.CommandContext(t.Context(), program, append(tc.args[1:], "-c")...)
		cmd.Stdin = bytes.NewReader(data)
		compressed, err := cmd.Output()
		require.NoError(t, err)
		var got bytes.Buffer
		err = codec.Copy(&got, tc.encoding, bytes.NewReader(compressed), int64(len(data)))
		require.ErrorIs(t, err, tc.want, tc.args)
		if tc.want == nil {
			require.True(t, bytes.Equal(data, got.Bytes()), tc.args)
		}
	}
}
