// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"fmt"
	"io"
)

// bound says how many bytes are acceptable.
type bound struct {
	size  int64
	exact bool
}

// announced refuses a length that the other side states before it sends
// anything; a negative one is none. What it states is not believed either:
// copy counts.
func (b bound) announced(length int64) error {
	switch {
	case length < 0:
		return nil
	case b.exact && length != b.size:
		return fmt.Errorf("%w: %d bytes are announced, %d are expected", ErrLength, length, b.size)
	case length > b.size:
		return b.exceeded()
	default:
		return nil
	}
}

func (b bound) exceeded() error {
	if b.exact {
		return fmt.Errorf("%w: more than the %d expected bytes", ErrLength, b.size)
	}

	return fmt.Errorf("%w: more than the %d bytes that are accepted", ErrTooLarge, b.size)
}

// copy reads one byte more than is acceptable and never writes it: an endless
// body ends here, and a body is refused rather than cut. done is how many bytes
// are there already; it returns how many there are then.
func (b bound) copy(w io.Writer, r io.Reader, done int64, progress func(int64)) (int64, error) {
	buf := make([]byte, min(max(b.size-done, 0), chunkSize-1)+1)
	for {
		room := max(b.size-done, 0)
		chunk := buf[:min(room, int64(len(buf)-1))+1]

		n, err := r.Read(chunk)
		if int64(n) > room {
			return done, b.exceeded()
		}
		if n > 0 {
			wrote, werr := w.Write(chunk[:n])
			done += int64(wrote)
			if werr == nil && wrote < n {
				werr = io.ErrShortWrite
			}
			if werr != nil {
				return done, &writeError{werr}
			}
			if progress != nil {
				progress(done)
			}
		}

		switch {
		case err == io.EOF && b.exact && done != b.size:
			return done, fmt.Errorf("%w: it ended after %d of the %d expected bytes", ErrLength, done, b.size)
		case err == io.EOF:
			return done, nil
		case err != nil:
			return done, err
		}
	}
}

// writeError is a fault of the caller's side, which no other answer mends.
type writeError struct{ err error }

func (e *writeError) Error() string { return "writing what was read: " + e.err.Error() }

func (e *writeError) Unwrap() error { return e.err }
