// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package diff makes the patches that codec/bsdiff and bspatch apply. It is for
// publishers: a program that updates itself does not link it.
//
// The method is that of bsdiff, described by C. Percival in "Naive differences
// of executable code", 2003. A program that was built again after a small
// change consists of pieces of the old one in which, here and there, an address
// differs. So pieces that match in most bytes, not in all, are sought: from
// exact matches, found in a suffix array of the old file, they are grown both
// ways for as long as more bytes match than do not. The bytewise differences of
// such pieces are nearly all zero, and compress to nearly nothing.
package diff

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
)

// ErrTooLarge means that no patch can be made because the old file has 2 GiB
// or more.
var ErrTooLarge = errors.New("file too large to make a patch from")

// Write makes the patch from old to new, and writes it to patch. The same files
// make the same patch. progress, when given, is called now and then with the
// work done of the work to do, which is len(old) + len(new): sorting the old
// file, which is told at its end, then looking up the new one.
//
// When ctx is cancelled Write returns its error within some tens of
// milliseconds, a second for files of a hundred megabytes.
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
	for told := 0; s.scan < len(new); {
		err := s.advance(ctx)
		if err != nil {
			return fmt.Errorf("comparing the files: %w", err)
		}
		err = out.write(ctx, s.take())
		if err != nil {
			return err
		}
		if s.scan-told >= 1<<18 || s.scan == len(new) {
			told = s.scan
			progress(int64(len(old)+told), total)
		}
	}

	return out.finish(patch, int64(len(new)))
}
