// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/codec/bsdiff"
	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/trust"
)

// Input is an artifact, and what it takes to decode it.
type Input struct {
	Artifact trust.Artifact
	Packed   io.ReaderAt // the artifact, whose length and hash were verified

	// Old is the binary that a patch applies to, nil for a full artifact.
	Old     io.ReaderAt
	OldSize int64

	// MaxSize bounds the binary of a document of v0.1.0, which states no size.
	MaxSize int64
}

// Verify compares the length and hash of an artifact with what its document says.
// It returns [ErrHash] if they differ. No decoder sees an artifact before.
func Verify(ctx context.Context, r io.Reader, a trust.Artifact) error {
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(WithContext(ctx, r), a.Size+1))
	switch {
	case err != nil:
		return err
	case n > a.Size:
		return fmt.Errorf("%w: more than %d bytes", ErrHash, a.Size)
	case n < a.Size:
		return fmt.Errorf("%w: %d bytes, want %d", ErrHash, n, a.Size)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != a.Hash {
		return fmt.Errorf("%w: sha256 %s, want %s", ErrHash, got, a.Hash)
	}
	return nil
}

// Decode writes the binary of a release to w, and returns its size. It writes no
// more than the signed size. It returns [ErrHash] unless the size and the hash are
// those of the release; then what was written must not be used.
func Decode(ctx context.Context, w io.Writer, r *trust.Release, in Input) (size int64, err error) {
	out := &counter{w: w, sum: sha256.New()}
	from := WithContext(ctx, io.NewSectionReader(in.Packed, 0, math.MaxInt64))
	switch {
	case in.Old != nil:
		err = bsdiff.Apply(ctx, out, in.Old, in.OldSize, in.Packed, in.Artifact.Size, r.Size)
	case r.Size > 0:
		err = codec.Copy(out, in.Artifact.Encoding, from, r.Size)
	default:
		err = copyUpTo(out, in.Artifact.Encoding, from, in.MaxSize)
	}
	switch {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case errors.Is(err, codec.ErrSize), errors.Is(err, codec.ErrCorrupt), errors.Is(err, bsdiff.ErrSize), errors.Is(err, bsdiff.ErrCorrupt):
		return 0, fmt.Errorf("decoding: %w: %w", ErrHash, err)
	case err != nil:
		return 0, fmt.Errorf("decoding: %w", err)
	}
	if got := hex.EncodeToString(out.sum.Sum(nil)); got != r.Hash {
		return 0, fmt.Errorf("%w: the binary in it has sha256 %s, want %s", ErrHash, got, r.Hash)
	}
	return out.size, nil
}

// copyUpTo decodes an artifact of v0.1.0, whose size is not signed.
func copyUpTo(w io.Writer, encoding string, packed io.Reader, limit int64) error {
	decoded, err := codec.Decode(encoding, packed)
	if err != nil {
		return err
	}
	defer decoded.Close()
	n, err := io.Copy(w, io.LimitReader(decoded, limit+1))
	if err == nil && n > limit {
		return fmt.Errorf("%w: more than the %d bytes of MaxSize()", fetch.ErrTooLarge, limit)
	}
	return err
}

// counter counts and hashes what it passes on.
type counter struct {
	w    io.Writer
	sum  hash.Hash
	size int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.sum.Write(p[:n])
	c.size += int64(n)
	return n, err
}

// WithContext returns a reader that fails once ctx is done. It is for one call.
func WithContext(ctx context.Context, r io.Reader) io.Reader { return cancellable{ctx, r} }

type cancellable struct {
	ctx context.Context // of the one call that reads
	r   io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
