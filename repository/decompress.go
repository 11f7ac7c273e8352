// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"io"

	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/trust"
)

const (
	// unknownSize is the size of a binary of v0.1.0, whose document has none.
	unknownSize = 0

	// maxUnknown limits what is downloaded and decompressed of unknown size.
	maxUnknown = 4 << 30
)

// decompress decodes an artifact as a client does, also to other writers, and returns
// the size of the binary. It returns [ErrHash] unless the binary has this size and
// hash.
func decompress(ctx context.Context, artifact io.ReaderAt, encoding string, size int64, hash string, also ...io.Writer) (int64, error) {
	return release.Decode(ctx, io.MultiWriter(also...), &trust.Release{Size: size, Hash: hash}, release.Input{
		Artifact: trust.Artifact{Encoding: encoding}, Packed: artifact, MaxSize: maxUnknown,
	})
}
