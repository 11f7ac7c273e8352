// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/trust"
)

// defaultMaxSize is updater.DefaultMaxSize.
const defaultMaxSize = 1 << 30

// full reports whether an artifact is a whole binary in an encoding that clients
// decompress.
func full(a trust.Artifact) bool { return a.From == "" && codec.Known(a.Encoding) }

// fits returns [ErrTooLarge] if clients with this MaxSize refuse the binary, or all
// artifacts that they could take.
func (req *VerifyRequest) fits(r *trust.Release) error {
	limit := req.MaxSize
	if limit == 0 {
		limit = defaultMaxSize
	}
	if r.Size > limit {
		return fmt.Errorf("%w: the binary has %d bytes, MaxSize is %d", ErrTooLarge, r.Size, limit)
	}
	small := func(a trust.Artifact) bool { return full(a) && a.Size <= limit }
	if slices.ContainsFunc(r.Artifacts, full) && !slices.ContainsFunc(r.Artifacts, small) {
		return fmt.Errorf("%w: all artifacts have more than %d bytes, which is MaxSize", ErrTooLarge, limit)
	}

	return nil
}

// checkArtifacts checks every artifact as a client checks the one that it takes, in
// the same order.
func checkArtifacts(ctx context.Context, src source, l Location, v *trust.Verified) (warnings []string, errs []error) {
	if v.Legacy {
		_, err := measureLegacy(ctx, src, l, &v.Release)
		if err != nil {
			errs = append(errs, err)
		}
		return nil, errs
	}
	if !slices.ContainsFunc(v.Release.Artifacts, full) {
		errs = append(errs, ErrNoArtifact)
	}
	for _, a := range v.Release.Artifacts {
		warning, err := checkArtifact(ctx, src, l, a, &v.Release)
		if err != nil {
			errs = append(errs, fmt.Errorf("artifact %s: %w", a.Path, err))
		} else if warning != "" {
			warnings = append(warnings, fmt.Sprintf("artifact %s was not %s", a.Path, warning))
		}
	}

	return warnings, errs
}

// checkArtifact returns what could not be checked as a warning.
func checkArtifact(ctx context.Context, src source, l Location, a trust.Artifact, r *trust.Release) (warning string, err error) {
	f, err := src.artifact(ctx, l, a.Path, a.Size)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := intact(ctx, f, a); err != nil {
		return "", err
	}
	switch {
	case full(a):
		_, err := decompress(ctx, f, a.Encoding, r.Size, r.Hash)
		return "", err
	case a.From == "" || a.Encoding != patchEncoding:
		return fmt.Sprintf("decompressed: its encoding %q is unknown", a.Encoding), nil
	}
	old, err := src.oldBinary(ctx, l, a.From)
	if err != nil {
		return "", err
	}
	if old == nil {
		return "applied: the release that it starts from was not found", nil
	}

	return "", checkPatch(ctx, old, f, a.Size, r.Size, r.Hash, nil)
}

// intact returns [ErrHash] if an artifact does not have the length and the hash in
// its document. It comes before any decoder reads the artifact.
func intact(ctx context.Context, f io.Reader, a trust.Artifact) error {
	got := newMeasure()
	if _, err := io.Copy(got, io.LimitReader(cancellable{ctx, f}, a.Size+1)); err != nil {
		return err
	}
	switch {
	case got.size > a.Size:
		return fmt.Errorf("%w: it has more than %d bytes", ErrHash, a.Size)
	case got.size < a.Size:
		return fmt.Errorf("%w: it has %d bytes, want %d", ErrHash, got.size, a.Size)
	case got.sum() != a.Hash:
		return fmt.Errorf("%w: its hash is %s, want %s", ErrHash, got.sum(), a.Hash)
	}

	return nil
}
