// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package codec unfolds artifacts.
//
// A decoder sees an artifact only after its length and hash were compared with
// the signed ones, yet it is not trusted: what it returns is counted and stops
// at the signed size, and when it panics that is an error like any other. So a
// publisher who signed a bomb by mistake fills no disk, and a bug in a decoder
// takes no program down.
//
// Whatever the artifact, memory is bounded: zstd takes 9 MiB and [Copy]'s
// buffers, bzip2 as much, gzip less.
//
// Everything here is linked into the program that updates itself. The writer
// for publishers lives in codec/bz2, which such a program does not import.
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

// MaxWindow is the largest window of a zstd frame that is unfolded, in bytes.
// It is what RFC 8878 §3.1.1.1.2 asks of every decoder, and what zstd -19 uses.
const MaxWindow = 8 << 20

var (
	// ErrUnknown means an encoding that this build cannot unfold: another
	// artifact of the release is to be taken.
	ErrUnknown = errors.New("unknown encoding")

	// ErrCorrupt means that the decoder refused its input. It wraps the
	// decoder's error.
	ErrCorrupt = errors.New("corrupt artifact")

	// ErrWindow means a zstd frame whose window is above [MaxWindow], or that
	// has a block above its own window: it is to be packed again, without
	// --ultra and --long. It wraps the decoder's error.
	ErrWindow = errors.New("zstd window of more than 8 MiB")

	// ErrSize means that an artifact does not unfold to the expected size.
	ErrSize = errors.New("wrong unfolded size")
)

// Known tells whether Decode can unfold encoding.
func Known(encoding string) bool {
	switch encoding {
	case Bzip2, Zstd, Gzip, None:
		return true
	default:
		return false
	}
}

// Decode returns a reader of what r unfolds to. It may be endless: a caller
// who knows the size uses [Copy]. Errors of the decoder, and its panics, are
// [ErrCorrupt], or [ErrWindow]; errors of r are returned as they are.
//
// Several bzip2 streams, zstd frames or gzip members in a row unfold to one, as
// with the programs of those names, and skippable frames of zstd to nothing.
// Anything else behind them is ErrCorrupt, and so is no stream at all. Frames
// of zstd without the magic number, or with a dictionary, are ErrCorrupt too.
//
// r is read by Read alone, so by one goroutine if Read is called by one. Another
// goroutine may help to decode: it is gone once Read returned an error, io.EOF
// included, or Close returned. Close does not close r. A reader is not safe for
// concurrent use.
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

// source remembers how its reader failed, since a decoder may hide it: a disk
// that cannot be read is not a corrupt artifact.
type source struct {
	r    io.Reader
	some bool // at least a byte was read
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

// guard stands between a decoder and the rest of the program.
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
		// A decoder that failed once is in no state to be asked again.
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

// Close ends what helps to decode. It returns nil.
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
