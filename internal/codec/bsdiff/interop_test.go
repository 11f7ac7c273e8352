// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package bsdiff_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/testing/sample"
)

// run writes the files a and b, and returns the output of the program.
func run(t *testing.T, program string, order func(a, b, out string) []string, a, b []byte) ([]byte, bool) {
	t.Helper()
	_, err := exec.LookPath(program)
	if err != nil {
		t.Logf("NOT PROVEN: %s is not installed", program)

		return nil, false
	}
	dir := t.TempDir()
	fileA, fileB, out := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "out")
	require.NoError(t, os.WriteFile(fileA, a, 0o600))
	require.NoError(t, os.WriteFile(fileB, b, 0o600))
	output, err := exec.CommandContext(t.Context(), program, order(fileA, fileB, out)...).CombinedOutput()
	require.NoError(t, err, string(output))
	made, err := os.ReadFile(out)
	require.NoError(t, err)

	return made, true
}

func bspatch(t *testing.T, old, patch []byte) ([]byte, bool) {
	t.Helper()

	return run(t, "bspatch", func(a, b, out string) []string { return []string{a, out, b} }, old, patch)
}

func bsdiffProgram(t *testing.T, from, to []byte) ([]byte, bool) {
	t.Helper()

	return run(t, "bsdiff", func(a, b, out string) []string { return []string{a, b, out} }, from, to)
}

// bspatch applies our patches, we apply those of bsdiff, and ours are hardly larger.
func TestOthersAgree(t *testing.T) {
	race.Skip(t, "other programs do the work")
	for _, tool := range []string{"bsdiff", "bspatch"} {
		_, err := exec.LookPath(tool)
		if err != nil {
			t.Skipf("NOT PROVEN: %s is not installed", tool)
		}
	}
	program := sample.Binary(t)

	for _, tc := range []struct {
		name     string
		from, to []byte
	}{
		{"both empty", nil, nil},
		{"from nothing", nil, []byte("hello")},
		{"to nothing", []byte("hello"), nil},
		{"a byte", []byte("a"), []byte("b")},
		{"equal", program, program},
		{"edited", program, sample.Edited(program, 1)},
		{"edited, small", program[:5000], sample.Edited(program[:5000], 2)},
		{"halves exchanged", program, append(bytes.Clone(program[1<<19:]), program[:1<<19]...)},
		{"nothing in common", sample.Noise(100_000, 1), sample.Noise(100_000, 2)},
		{"zeros", make([]byte, 100_000), make([]byte, 90_000)},
		{"repeats", bytes.Repeat([]byte("abc"), 10_000), bytes.Repeat([]byte("abcd"), 10_000)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ours := makePatch(t, tc.from, tc.to)
			made, _ := bspatch(t, tc.from, ours)
			require.True(t, bytes.Equal(tc.to, made), "bspatch makes something else")

			if len(tc.from) == 0 || len(tc.to) == 0 {
				// bsdiff itself cannot map an empty file.
				return
			}
			theirs, _ := bsdiffProgram(t, tc.from, tc.to)
			made, err := apply(tc.from, theirs, int64(len(tc.to)))
			require.NoError(t, err)
			require.True(t, bytes.Equal(tc.to, made))
			require.Less(t, len(ours), len(theirs)+len(theirs)/3+200, "bsdiff makes %d bytes", len(theirs))
		})
	}
}
