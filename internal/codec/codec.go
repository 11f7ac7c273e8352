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
// Everything here is linked into the program that updates itself. The writer
// for publishers lives in codec/bz2, which such a program does not import.
package codec

import (
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
)

// Encodings of artifacts, as a release document names them.
const (
	Bzip2 = "bzip2"
	None  = "none"
)

var (
	// ErrUnknown means an encoding that this build cannot unfold: another
	// artifact of the release is to be taken.
	ErrUnknown = errors.New("unknown encoding")

	// ErrCorrupt means that the decoder refused its input. It wraps the
	// decoder's error.
	ErrCorrupt = errors.New("corrupt artifact")

	// ErrSize means that an artifact does not unfold to the expected size.
	ErrSize = errors.New("wrong unfolded size")
)

// chunkSize is the most that is held in memory beside the decoder's own state.
const chunkSize = 32 << 10

// Known tells whether Decode can unfold encoding.
func Known(encoding string) bool {
	return encoding == Bzip2 || encoding == None
}

// Decode returns a reader of what r unfolds to. It may be endless: a caller
// who knows the size uses [Copy]. Errors of the decoder, and its panics, are
// [ErrCorrupt]; errors of r are returned as they are.
//
// Several bzip2 streams in a row unfold to one, as with the bzip2 program.
// Anything else after a stream is ErrCorrupt.
func Decode(encoding string, r io.Reader) (io.Reader, error) {
	switch encoding {
	case Bzip2:
		src := &source{r: r}

		return &guard{src: src, decoder: bzip2.NewReader(src)}, nil
	case None:
		src := &source{r: r}

		return &guard{src: src, decoder: src}, nil
	default:
		return nil, fmt.Errorf("%w: %q", ErrUnknown, encoding)
	}
}

// Copy unfolds src into dst and fails with [ErrSize] unless that makes exactly
// size bytes. It asks the decoder for one byte more than size at most, and
// writes at most size, also on failure. src is read to its end.
func Copy(dst io.Writer, encoding string, src io.Reader, size int64) error {
	decoded, err := Decode(encoding, src)
	if err != nil {
		return err
	}

	buf := make([]byte, chunkSize)
	var done int64
	for {
		room := max(size-done, 0)
		chunk := buf
		if room < chunkSize {
			chunk = buf[:room+1]
		}

		n, rerr := decoded.Read(chunk)
		if int64(n) > room {
			return fmt.Errorf("%w: more than %d bytes", ErrSize, size)
		}
		wrote, err := dst.Write(chunk[:n])
		if err == nil && wrote < n {
			err = io.ErrShortWrite
		}
		if err != nil {
			return fmt.Errorf("writing unfolded bytes: %w", err)
		}
		done += int64(n)

		switch {
		case rerr == io.EOF && done != size:
			return fmt.Errorf("%w: %d bytes, not %d", ErrSize, done, size)
		case rerr == io.EOF:
			return nil
		case rerr != nil:
			return rerr
		}
	}
}

// source remembers how its reader failed, since a decoder may hide it: a disk
// that cannot be read is not a corrupt artifact.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
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
			n, err = 0, fmt.Errorf("%w: the decoder panicked: %v", ErrCorrupt, v)
		}
		// A decoder that failed once is in no state to be asked again.
		g.err = err
	}()

	n, err = g.decoder.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case g.src.err != nil:
		return n, fmt.Errorf("reading the artifact: %w", g.src.err)
	default:
		return n, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
}
