// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package diff makes patches that codec/bsdiff and bspatch apply. It is for
// publishers: programs that update themselves do not link it.
//
// The method is that of bsdiff: C. Percival, "Naive differences of executable
// code", 2003. After a small change, a program consists of pieces of the old one
// in which a few addresses differ. So the search is for pieces in which most bytes
// match: exact matches, found in a suffix array of the old file, are extended in
// both directions while more bytes match than not. The differences of such pieces
// are nearly all zero and compress well.
package diff

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
)

// ErrTooLarge means that the old file has 2 GiB or more.
var ErrTooLarge = errors.New("file too large to make a patch from")

// Write writes the patch from old to new. The same files give the same patch.
// progress, if not nil, is called with the work done, of a total of len(old) +
// len(new): once after sorting the old file, then during the search.
//
// Besides the files it uses about 6.5 bytes of memory per byte of old, and the
// compressed patch. A program of 16 MB took 136 MB including both files, and a
// quarter of a second of one core per MB.
//
// If ctx is cancelled, Write returns its error within some tens of milliseconds,
// or a second for files of a hundred megabytes. It returns [ErrTooLarge] if old is
// too large.
func Write(ctx context.Context, patch io.Writer, old, new []byte, progress func(done, total int64)) error {
	if len(old) > math.MaxInt32 {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(old))
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	total := int64(len(old)) + int64(len(new))

	index, err := newIndex(ctx, old)
	if err != nil {
		return fmt.Errorf("sorting the old file: %w", err)
	}
	progress(int64(len(old)), total)

	out, err := newEncoder()
	if err != nil {
		return err
	}
	s := &scanner{index: index, old: old, new: new}
	for reported := 0; s.scan < len(new); {
		err := s.advance(ctx)
		if err != nil {
			return fmt.Errorf("comparing the files: %w", err)
		}
		err = out.write(ctx, s.take())
		if err != nil {
			return err
		}
		if s.scan-reported >= 1<<18 || s.scan == len(new) {
			reported = s.scan
			progress(int64(len(old)+reported), total)
		}
	}

	return out.finish(patch, int64(len(new)))
}
