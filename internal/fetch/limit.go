// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"fmt"
	"io"
)

// bound is the maximum or exact number of bytes.
type bound struct {
	size  int64
	exact bool
}

// checkAnnounced rejects a length that the server announces; a negative length means
// none. copy counts the bytes all the same.
func (b bound) checkAnnounced(length int64) error {
	switch {
	case length < 0:
		return nil
	case b.exact && length != b.size:
		return fmt.Errorf("%w: the server announces %d bytes, want %d", ErrLength, length, b.size)
	case length > b.size:
		return b.exceeded()
	default:
		return nil
	}
}

func (b bound) exceeded() error {
	if b.exact {
		return fmt.Errorf("%w: more than %d bytes", ErrLength, b.size)
	}

	return fmt.Errorf("%w: more than the %d bytes that are accepted", ErrTooLarge, b.size)
}

// copy reads at most one byte more than allowed, and never writes that one: a
// longer body is rejected, not truncated. done is the number of bytes written
// before; copy returns the new number.
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
				return done, &LocalError{"writing the download", werr}
			}
			if progress != nil {
				progress(done)
			}
		}

		switch {
		case err == io.EOF && b.exact && done != b.size:
			return done, fmt.Errorf("%w: got %d of %d bytes", ErrLength, done, b.size)
		case err == io.EOF:
			return done, nil
		case err != nil:
			return done, err
		}
	}
}

// LocalError is a failure on this machine, such as a full disk. No other server can
// help.
type LocalError struct {
	Doing string // such as "writing the download"
	Err   error
}

func (e *LocalError) Error() string { return e.Doing + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *LocalError) Unwrap() error { return e.Err }
