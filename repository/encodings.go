// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"compress/gzip"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/codec/bz2"
	"github.com/choria-io/go-updater/internal/codec/zst"
)

// encoding is one way to store a binary. What its writer writes depends on the
// input alone, so that a release can be reproduced; workers is the number of cores
// it may use.
type encoding struct {
	name, suffix string
	newWriter    func(w io.Writer, workers int) (io.WriteCloser, error)
}

// encodings is in the order of a document's artifacts. The first artifact is the
// "binary" of v0.1.0, so the encodings that v0.1.0 reads are first.
var encodings = []encoding{
	{codec.Bzip2, ".bz2", bz2.NewParallel},
	{codec.None, "", func(w io.Writer, _ int) (io.WriteCloser, error) { return plain{w}, nil }},
	{codec.Zstd, ".zst", func(w io.Writer, _ int) (io.WriteCloser, error) { return zst.NewWriter(w) }},
	{codec.Gzip, ".gz", func(w io.Writer, _ int) (io.WriteCloser, error) {
		return gzip.NewWriterLevel(w, gzip.BestCompression)
	}},
}

var defaultEncodings = []string{codec.Bzip2, codec.Zstd}

// readByV010 reports whether v0.1.0 can install an artifact. It decompresses
// bzip2, and takes anything else for the binary.
func readByV010(encoding string) bool {
	return encoding == codec.Bzip2 || encoding == codec.None
}

// plain is the writer of the encoding none.
type plain struct{ io.Writer }

func (plain) Close() error { return nil }

func knownEncodings() []string {
	var names []string
	for _, e := range encodings {
		names = append(names, e.name)
	}

	return names
}

// encodings returns the encodings to compress a binary in.
func (req *AddRequest) encodings() ([]encoding, error) {
	names := req.Encodings
	if len(names) == 0 {
		names = defaultEncodings
	}
	for i, name := range names {
		if !slices.Contains(knownEncodings(), name) {
			return nil, invalid("unknown encoding %q (use %s)", name, strings.Join(knownEncodings(), ", "))
		}
		if slices.Contains(names[:i], name) {
			return nil, invalid("encoding %q is given twice", name)
		}
	}

	var out []encoding
	for _, e := range encodings {
		if slices.Contains(names, e.name) || e.name == codec.None && req.Uncompressed {
			out = append(out, e)
		}
	}

	return out, nil
}

// encodingOf returns the encoding of a compressed file, by its suffix.
func encodingOf(file string) (encoding, error) {
	for _, e := range encodings {
		if e.suffix != "" && strings.EqualFold(filepath.Ext(file), e.suffix) {
			return e, nil
		}
	}

	return encoding{}, invalid("artifact %q has an unknown suffix (use .bz2, .zst or .gz)", file)
}

// artifactSource is what an artifact is made from.
type artifactSource struct {
	encoding
	file string // compressed by another program, to be copied; empty: made here
}

// sources lists the artifacts of one binary, without patches.
func (req *AddRequest) sources(f File) ([]artifactSource, error) {
	chosen, err := req.encodings()
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, a := range req.Artifacts {
		if a.at("") != f.at("") {
			continue
		}
		e, err := encodingOf(a.Path)
		if err != nil {
			return nil, err
		}
		files[e.name] = a.Path
	}

	var out []artifactSource
	for _, e := range encodings {
		file, given := files[e.name]
		if given || slices.ContainsFunc(chosen, func(c encoding) bool { return c.name == e.name }) {
			out = append(out, artifactSource{e, file})
		}
	}

	return out, nil
}
