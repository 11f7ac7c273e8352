// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package codec decompresses artifacts.
//
// Use [Copy] for an artifact of known size, and [Decode] for the rest.
//
// Callers compare length and hash of an artifact with the signed ones before they
// decompress it. Decoders are not trusted all the same: their output stops at the
// signed size, and a panic of a decoder is an error. So a publisher who signs a
// decompression bomb by mistake fills no disk, and a bug in a decoder does not
// crash the program.
//
// Memory is limited for all artifacts: 9 MiB for zstd and bzip2, less for gzip,
// and the buffers of [Copy].
//
// Programs that update themselves link this package. The compressors for
// publishers are in codec/bz2 and codec/zst.
package codec

import (
	"errors"
	"fmt"
	"io"
)

// Encodings of artifacts, as a release document names them.
const (
	Bzip2 = "bzip2"
	Zstd  = "zstd"
	Gzip  = "gzip"
	None  = "none"
)

// MaxWindow is the largest accepted window of a zstd frame, in bytes. RFC 8878
// §3.1.1.1.2 recommends that decoders support it, and zstd -19 uses it.
const MaxWindow = 8 << 20

var (
	// ErrUnknown means an encoding that this build cannot decompress. Use another
	// artifact of the release.
	ErrUnknown = errors.New("unknown encoding")

	// ErrCorrupt means that the decoder rejected its input. It wraps the error of
	// the decoder.
	ErrCorrupt = errors.New("corrupt artifact")

	// ErrWindow means a zstd frame with a window larger than [MaxWindow], or with
	// a block larger than its window. Compress without --ultra and --long. It
	// wraps the error of the decoder.
	ErrWindow = errors.New("zstd window of more than 8 MiB")

	// ErrSize means that an artifact does not have the expected decompressed size.
	ErrSize = errors.New("wrong decompressed size")
)

// Known reports whether Decode supports encoding.
func Known(encoding string) bool {
	switch encoding {
	case Bzip2, Zstd, Gzip, None:
		return true
	default:
		return false
	}
}

// Decode returns a reader of the decompressed r, or [ErrUnknown]. The output has no
// limit: use [Copy] if the size is known. Errors and panics of the decoder are
// [ErrCorrupt] or [ErrWindow]. Errors of r are wrapped.
//
// The input is one or more bzip2 streams, zstd frames or gzip members, as with the
// programs of those names. Skippable frames of zstd are skipped. Other data after
// them is ErrCorrupt, and so is empty input. Frames of zstd without magic number,
// or with a dictionary, are ErrCorrupt.
//
// Only calls of Read read from r. Another goroutine may help to decode; it has
// ended when Read returns an error, including io.EOF, or when Close returns. Close
// does not close r. A reader is not safe for concurrent use.
func Decode(encoding string, r io.Reader) (io.ReadCloser, error) {
	g, err := newGuard(encoding, r)
	if err != nil {
		return nil, err
	}

	return g, nil
}

func newGuard(encoding string, r io.Reader) (*guard, error) {
	src := &source{r: r}
	switch encoding {
	case Bzip2:
		return &guard{src: src, decoder: newBzip2(src)}, nil
	case Zstd:
		return &guard{src: src, decoder: &opener{src: src, open: openZstd}}, nil
	case Gzip:
		return &guard{src: src, decoder: &opener{src: src, open: openGzip}}, nil
	case None:
		return &guard{src: src, decoder: src}, nil
	default:
		return nil, fmt.Errorf("%w: %q", ErrUnknown, encoding)
	}
}

// source records the error of its reader, because a decoder may hide it: a read
// error of a disk is not a corrupt artifact.
type source struct {
	r    io.Reader
	some bool // at least one byte was read
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.some = s.some || n > 0
	if err != nil && err != io.EOF {
		s.err = err
	}

	return n, err
}

// guard turns errors and panics of a decoder into ErrCorrupt and ErrWindow.
type guard struct {
	src     *source
	decoder io.Reader
	err     error
}

func (g *guard) Read(p []byte) (n int, err error) {
	if g.err != nil {
		return 0, g.err
	}
	defer func() {
		if v := recover(); v != nil {
			n, err = 0, fmt.Errorf("%w: %w", ErrCorrupt, panicked(v))
		}
		// A decoder is not used again after an error.
		if g.err = err; err != nil {
			g.stop()
		}
	}()

	n, err = g.decoder.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case g.src.err != nil:
		return n, fmt.Errorf("reading the artifact: %w", g.src.err)
	case overWindow(err):
		return n, fmt.Errorf("%w: %w", ErrWindow, err)
	default:
		return n, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
}

// Close ends the goroutine of the decoder. It returns nil.
func (g *guard) Close() error {
	if g.err == nil {
		g.err = io.ErrClosedPipe
	}
	g.stop()

	return nil
}

func (g *guard) stop() {
	if s, ok := g.decoder.(interface{ stop() }); ok {
		s.stop()
	}
}

func panicked(v any) error { return fmt.Errorf("the decoder panicked: %v", v) }
