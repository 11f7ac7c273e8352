// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"compress/gzip"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/codec/bz2"
	"github.com/choria-io/go-updater/internal/codec/zst"
)

// encoding is one way to pack a binary. What pack writes must depend on the
// input alone, so that the same release is made again elsewhere; workers is how
// many cores it may use.
type encoding struct {
	name, suffix string
	pack         func(w io.Writer, workers int) (io.WriteCloser, error)
}

// encodings lists what can be published, in the order of a document's
// artifacts. What v0.1.0 reads comes first: the first one is its "binary".
var encodings = []encoding{
	{codec.Bzip2, ".bz2", bz2.NewParallel},
	{codec.None, "", func(w io.Writer, _ int) (io.WriteCloser, error) { return plain{w}, nil }},
	{codec.Zstd, ".zst", func(w io.Writer, _ int) (io.WriteCloser, error) { return zst.NewWriter(w) }},
	{codec.Gzip, ".gz", func(w io.Writer, _ int) (io.WriteCloser, error) {
		return gzip.NewWriterLevel(w, gzip.BestCompression)
	}},
}

// plain is the binary as it is.
type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// DefaultEncodings is what Add writes when the request names none: what
// version 0.1.0 reads, and what is unpacked fastest.
func DefaultEncodings() []string { return []string{codec.Bzip2, codec.Zstd} }

// KnownEncodings lists what a request may name.
func KnownEncodings() []string {
	var names []string
	for _, e := range encodings {
		names = append(names, e.name)
	}

	return names
}

// chosen are the encodings of a request, in the order of encodings.
func (req *AddRequest) chosen() ([]encoding, error) {
	names := req.Encodings
	if len(names) == 0 {
		names = DefaultEncodings()
	}
	for i, name := range names {
		if !slices.Contains(KnownEncodings(), name) {
			return nil, fmt.Errorf("%w: encoding %q is not known, these are: %s", ErrRequest, name, strings.Join(KnownEncodings(), ", "))
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("%w: encoding %q is named twice", ErrRequest, name)
		}
	}
	if req.Uncompressed && !slices.Contains(names, codec.None) {
		names = append(slices.Clone(names), codec.None)
	}

	var out []encoding
	for _, e := range encodings {
		if slices.Contains(names, e.name) {
			out = append(out, e)
		}
	}

	return out, nil
}

// readyMade finds the encoding of a file by its name.
func readyMade(file string) (encoding, error) {
	for _, e := range encodings {
		if e.suffix != "" && strings.EqualFold(filepath.Ext(file), e.suffix) {
			return e, nil
		}
	}

	return encoding{}, fmt.Errorf("%w: artifact %q ends in none of .bz2, .zst and .gz", ErrRequest, file)
}

// wanted is an artifact to be made: packed here, or copied from a ready file.
type wanted struct {
	encoding
	ready string
}

// wanted lists the artifacts of one binary, patches apart.
func (req *AddRequest) wanted(f File) ([]wanted, error) {
	chosen, err := req.chosen()
	if err != nil {
		return nil, err
	}
	ready := map[string]string{}
	for _, a := range req.Artifacts {
		if a.at("") != f.at("") {
			continue
		}
		e, err := readyMade(a.Path)
		if err != nil {
			return nil, err
		}
		ready[e.name] = a.Path
	}

	var out []wanted
	for _, e := range encodings {
		file, made := ready[e.name]
		if made || slices.ContainsFunc(chosen, func(c encoding) bool { return c.name == e.name }) {
			out = append(out, wanted{e, file})
		}
	}

	return out, nil
}

// completeArtifacts refuses ready-made artifacts that are for no file, or for
// the same encoding of one.
func (req *AddRequest) completeArtifacts(files map[Location]string) error {
	type place struct {
		at       Location
		encoding string
	}
	seen := map[place]string{}
	for _, a := range req.Artifacts {
		if _, ok := files[a.at("")]; !ok {
			return fmt.Errorf("%w: artifact %q is for %s/%s, and no file to publish is", ErrRequest, a.Path, a.OS, a.Arch)
		}
		e, err := readyMade(a.Path)
		if err != nil {
			return err
		}
		at := place{a.at(""), e.name}
		if other, ok := seen[at]; ok {
			return fmt.Errorf("%w: %q and %q are both %s for %s/%s", ErrRequest, other, a.Path, e.name, a.OS, a.Arch)
		}
		seen[at] = a.Path
	}

	return nil
}

// readByOldClients tells whether v0.1.0 can install a release: it unpacks bzip2
// and takes everything else for the binary itself.
func readByOldClients(encoding string) bool {
	return encoding == codec.Bzip2 || encoding == codec.None
}
