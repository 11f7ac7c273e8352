// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/trust"
)

// decodes checks that a file unfolds to exactly the binary.
func decodes(ctx context.Context, f io.ReadSeeker, encoding string, size int64, want string, m *meter) error {
	return unfold(ctx, f, newMeasure(), want, func(got *measure, from io.Reader) error {
		return codec.Copy(io.MultiWriter(got, m), encoding, from, size)
	})
}

// decodesInto does so and keeps the binary.
func decodesInto(ctx context.Context, f io.ReadSeeker, b *bytes.Buffer, encoding string, r *trust.Release) error {
	return unfold(ctx, f, newMeasure(), r.Hash, func(got *measure, from io.Reader) error {
		return codec.Copy(io.MultiWriter(got, b), encoding, from, r.Size)
	})
}

// decodesTo does so for a document of v0.1.0, which does not say how long the
// binary is, and leaves that in got.
func decodesTo(ctx context.Context, f io.ReadSeeker, got *measure, encoding, want string) error {
	return unfold(ctx, f, got, want, func(got *measure, from io.Reader) error {
		r, err := codec.Decode(encoding, from)
		if err != nil {
			return err
		}
		defer r.Close()
		n, err := io.Copy(got, io.LimitReader(r, maxUnsigned+1))
		if err == nil && n > maxUnsigned {
			err = fmt.Errorf("%w: more than %d bytes", codec.ErrSize, int64(maxUnsigned))
		}
		return err
	})
}

func unfold(ctx context.Context, f io.ReadSeeker, got *measure, want string, decode func(got *measure, from io.Reader) error) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	err := decode(got, cancellable{ctx, f})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHash, err)
	}
	if got.sum() != want {
		return fmt.Errorf("%w: it decodes to a binary with hash %s instead of %s", ErrHash, got.sum(), want)
	}

	return nil
}

// maxUnsigned bounds what is unfolded of a document that states no size.
const maxUnsigned = 4 << 30

// encodingOf tells how v0.1.0 wrote an artifact, whose document does not say.
func encodingOf(file string) string {
	if strings.HasSuffix(file, ".bz2") {
		return codec.Bzip2
	}

	return codec.None
}

// measure counts and hashes what is written to it.
type measure struct {
	hash.Hash
	size int64
}

func newMeasure() *measure { return &measure{Hash: sha256.New()} }

func (m *measure) Write(p []byte) (int, error) {
	m.size += int64(len(p))

	return m.Hash.Write(p)
}

func (m *measure) sum() string { return hex.EncodeToString(m.Sum(nil)) }

// cancellable ends a copy with its context.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}

	return c.r.Read(p)
}
