// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/trust"
)

func TestEncodings(t *testing.T) {
	for _, tc := range []struct {
		name  string
		names []string
		plain bool
		want  []string // of the first release
	}{
		{"default", nil, false, []string{"bzip2", "zstd"}},
		{"all, in any order", []string{"none", "gzip", "zstd", "bzip2"}, false, []string{"bzip2", "none", "zstd", "gzip"}},
		{"uncompressed means none", []string{"bzip2"}, true, []string{"bzip2", "none"}},
		{"uncompressed and none", []string{"none"}, true, []string{"none"}},
		{"without bzip2", []string{"zstd"}, false, []string{"zstd"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := create(t, t.TempDir())
			req := request(t, 1)
			req.Files, req.Encodings, req.Uncompressed = req.Files[:1], tc.names, tc.plain
			out, err := r.Add(t.Context(), req)
			require.NoError(t, err)
			var got []string
			for _, a := range out[0].Artifacts {
				got = append(got, a.Encoding)
			}
			require.Equal(t, tc.want, got)
			report := verifyAll(t, r)
			require.True(t, report.OK(), "%+v", report)
			require.Empty(t, report.Releases[0].Warnings)
			require.Empty(t, report.Warnings)
			entries, err := r.List(t.Context(), Filter{})
			require.NoError(t, err)
			require.Equal(t, out[0].Artifacts[0].Path, entries[0].Binary)
			require.Equal(t, out[0].Artifacts, entries[0].Artifacts)
			if slices.Contains(tc.want, "bzip2") || slices.Contains(tc.want, "none") {
				require.Empty(t, out[0].Warnings)
			} else {
				require.Len(t, out[0].Warnings, 1)
				require.Contains(t, out[0].Warnings[0], "clients of version 0.1.0 cannot install")
			}
		})
	}
}

// The same input makes the same files on any machine.
func TestFilesDoNotDependOnCores(t *testing.T) {
	req := similar(t, "1.2.3")
	req.Encodings, req.PatchFrom = knownEncodings(), []string{"1.2.2"}
	old := similar(t, "1.2.2")
	files := func(cores int) map[string]string {
		was := runtime.GOMAXPROCS(cores)
		defer runtime.GOMAXPROCS(was)
		dir := t.TempDir()
		r := create(t, dir)
		_, err := r.Add(t.Context(), old)
		require.NoError(t, err)
		_, err = r.Add(t.Context(), req)
		require.NoError(t, err)
		return tree(t, dir)
	}
	require.Equal(t, files(1), files(2))
}

func TestCompressedFile(t *testing.T) {
	for _, name := range []string{codec.Bzip2, codec.Zstd, codec.Gzip} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := create(t, dir)
			req := request(t, 1)
			file := compressedFile(t, req.Files[0].Path, name)
			// Differs from what we would make, so that the test can tell them apart.
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			want := append(raw, emptyStream(t, name)...)
			require.NoError(t, os.WriteFile(file, want, 0o644))
			req.Artifacts = []File{{"linux", "amd64", file}}
			var last, total int64
			req.Progress = func(done, of int64) { last, total = done, of }
			out, err := r.Add(t.Context(), req)
			require.NoError(t, err)
			require.Equal(t, total, last)
			i := slices.IndexFunc(out[0].Artifacts, func(a trust.Artifact) bool { return a.Encoding == name })
			got, err := os.ReadFile(filepath.Join(dir, linuxDir, out[0].Artifacts[i].Path))
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Len(t, out[1].Artifacts, 1, "the other platform has none")
			require.True(t, verifyAll(t, r).OK())
		})
	}
}

// emptyStream decompresses to nothing, and may follow any other stream.
func emptyStream(t *testing.T, name string) []byte {
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o644))
	raw, err := os.ReadFile(compressedFile(t, empty, name))
	require.NoError(t, err)

	return raw
}

func TestCompressedFileRefused(t *testing.T) {
	req := request(t, 1)
	good := compressedFile(t, req.Files[0].Path, codec.Zstd)
	raw, err := os.ReadFile(good)
	require.NoError(t, err)
	place := func(name string, content []byte) string {
		file := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(file, content, 0o644))
		return file
	}
	for name, tc := range map[string]struct {
		artifacts []File
		want      []error
	}{
		"of another binary":  {[]File{{"linux", "amd64", compressedFile(t, req.Files[1].Path, codec.Zstd)}}, []error{ErrInput, ErrHash}},
		"truncated":          {[]File{{"linux", "amd64", place("cut.zst", raw[:len(raw)-3])}}, []error{ErrInput, codec.ErrCorrupt}},
		"trailing bytes":     {[]File{{"linux", "amd64", place("long.zst", append(slices.Clone(raw), "more"...))}}, []error{ErrInput, codec.ErrCorrupt}},
		"the binary twice":   {[]File{{"linux", "amd64", place("twice.zst", append(slices.Clone(raw), raw...))}}, []error{ErrInput, codec.ErrSize}},
		"wrong suffix":       {[]File{{"linux", "amd64", place("zstd.gz", raw)}}, []error{ErrInput, codec.ErrCorrupt}},
		"empty":              {[]File{{"linux", "amd64", place("empty.zst", nil)}}, []error{ErrInput}},
		"missing":            {[]File{{"linux", "amd64", good + "missing.zst"}}, []error{os.ErrNotExist}},
		"unknown suffix":     {[]File{{"linux", "amd64", place("x.xz", raw)}}, []error{ErrRequest}},
		"no suffix":          {[]File{{"linux", "amd64", place("x", raw)}}, []error{ErrRequest}},
		"no binary for it":   {[]File{{"plan9", "arm", good}}, []error{ErrRequest}},
		"one encoding twice": {[]File{{"linux", "amd64", good}, {"linux", "amd64", compressedFile(t, req.Files[0].Path, codec.Zstd)}}, []error{ErrRequest}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			req := req
			req.Artifacts = tc.artifacts
			_, err := create(t, dir).Add(t.Context(), req)
			for _, want := range tc.want {
				require.ErrorIs(t, err, want)
			}
			require.Empty(t, tree(t, dir))
		})
	}

	t.Run("a window that clients refuse", func(t *testing.T) {
		zstd, err := exec.LookPath("zstd")
		if err != nil {
			t.Skip("NOT PROVEN: no zstd")
		}
		data := make([]byte, 20<<20)
		binary := place("choria", data)
		// From a pipe: with a file, zstd knows the size and chooses a smaller window.
		cmd := exec.CommandContext(t.Context(), zstd, "--ultra", "-22", "--long=27", "-qc")
		cmd.Stdin = bytes.NewReader(data)
		out, err := cmd.Output()
		require.NoError(t, err)
		dir := t.TempDir()
		req := req
		req.Files, req.Artifacts = []File{{"linux", "amd64", binary}}, []File{{"linux", "amd64", place("choria.zst", out)}}
		_, err = create(t, dir).Add(t.Context(), req)
		require.ErrorIs(t, err, ErrInput)
		require.ErrorIs(t, err, codec.ErrWindow)
		require.Empty(t, tree(t, dir))
	})
}

func TestFaultyCompressorIsFound(t *testing.T) {
	dir := t.TempDir()
	r := stepwise(t, dir)
	req := request(t, 1)
	req.Files = req.Files[:1]
	other := program(t, 99)
	r.step = func(op, name string) error {
		if op != "read" {
			return nil
		}
		// Valid bzip2 of another program, as if the compressor had mixed them up.
		second := create(t, t.TempDir())
		mixed := request(t, 1)
		mixed.Files = []File{{"linux", "amd64", other}}
		_, err := second.Add(t.Context(), mixed)
		require.NoError(t, err)
		raw, err := os.ReadFile(filepath.Join(second.dir, "1.2.3", "linux", "amd64", "choria-linux-amd64-1.2.3.bz2"))
		require.NoError(t, err)
		work, err := filepath.Glob(filepath.Join(dir, workPrefix+"*", name))
		require.NoError(t, err)
		require.Len(t, work, 1)
		return os.WriteFile(work[0], raw, 0o644)
	}
	_, err := r.Add(t.Context(), req)
	require.ErrorIs(t, err, ErrHash)
	require.Empty(t, tree(t, dir))
}
