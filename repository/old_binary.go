// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/trust"
)

// binaryOf returns the binary of a published release. Artifact and binary have
// the size and hash in the document, or the error is [ErrHash].
func binaryOf(ctx context.Context, src source, l Location, r *trust.Release) ([]byte, error) {
	a, err := release.Full(&trust.Verified{Release: *r})
	if err != nil {
		return nil, err
	}
	f, err := src.artifact(ctx, l, a.Path, a.Size)
	if err == nil {
		defer f.Close()
		err = release.Verify(ctx, f, *a)
	}
	var b bytes.Buffer
	if err == nil {
		_, err = decompress(ctx, f, a.Encoding, r.Size, r.Hash, &b)
	}
	if err != nil {
		return nil, fmt.Errorf("artifact %s: %w", a.Path, err)
	}

	return b.Bytes(), nil
}

// oldBinary looks at the releases of the same platform, first at the one just
// before l.
func (s local) oldBinary(ctx context.Context, l Location, hash string) ([]byte, error) {
	all, _, err := s.locations(Filter{OS: l.OS, Arch: l.Arch})
	if err != nil {
		return nil, err
	}
	next := slices.Index(all, l) + 1
	for _, other := range slices.Backward(append(slices.Clone(all[next:]), all[:next]...)) {
		e := s.entry(ctx, other)
		if e.Hash != hash || e.Released == nil {
			continue
		}
		raw, err := s.readDocument(ctx, other)
		if err != nil {
			return nil, err
		}
		// The hash of the binary is all that matters, so no signature is needed.
		verified, err := trust.InsecureVerifyUnsigned(raw, other.want(*e.Released))
		if err != nil || verified.Release.Hash != hash {
			continue
		}
		// Damage is reported where that release itself is verified.
		if b, err := binaryOf(ctx, s, other, &verified.Release); err == nil {
			return b, nil
		}
	}

	return nil, ctx.Err()
}

// oldBinary finds nothing: a repository at a URL cannot be listed.
func (s remote) oldBinary(context.Context, Location, string) ([]byte, error) { return nil, nil }
