// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"
	"io"

	"github.com/choria-io/go-updater/internal/codec"
)

const (
	// unknownSize is the size of a binary of v0.1.0, whose document has none.
	unknownSize = -1

	// maxUnknown limits what is downloaded and decompressed of unknown size.
	maxUnknown = 4 << 30
)

// decompress checks that an artifact decompresses to exactly the binary with this
// size and hash, writes it to the writers in also, and returns its size. A
// difference is [ErrHash].
func decompress(ctx context.Context, artifact io.ReadSeeker, encoding string, size int64, hash string, also ...io.Writer) (int64, error) {
	if _, err := artifact.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	got := newMeasure()
	to := io.MultiWriter(append(also, got)...)
	from := cancellable{ctx, artifact}
	var err error
	if size == unknownSize {
		err = decompressUnknown(to, encoding, from)
	} else {
		err = codec.Copy(to, encoding, from, size)
	}
	switch {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case err != nil:
		return 0, fmt.Errorf("%w: %w", ErrHash, err)
	case got.sum() != hash:
		return 0, fmt.Errorf("%w: it decompresses to a binary with hash %s, want %s", ErrHash, got.sum(), hash)
	}

	return got.size, nil
}

func decompressUnknown(to io.Writer, encoding string, from io.Reader) error {
	r, err := codec.Decode(encoding, from)
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(to, io.LimitReader(r, maxUnknown+1))
	if err == nil && n > maxUnknown {
		err = fmt.Errorf("%w: more than %d bytes", codec.ErrSize, int64(maxUnknown))
	}

	return err
}
