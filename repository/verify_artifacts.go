// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"

	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/trust"
)

// defaultMaxSize is updater.DefaultMaxSize.
const defaultMaxSize = 1 << 30

// fits returns [ErrTooLarge] if clients with this MaxSize refuse the binary, or all
// artifacts that they could take.
func (req *VerifyRequest) fits(v *trust.Verified, chosen *trust.Artifact) error {
	limit := req.MaxSize
	if limit == 0 {
		limit = defaultMaxSize
	}
	if v.Release.Size > limit {
		return fmt.Errorf("%w: the binary has %d bytes, MaxSize is %d", ErrTooLarge, v.Release.Size, limit)
	}
	if chosen != nil && chosen.Size > limit {
		return fmt.Errorf("%w: artifact %s, the smallest, has %d bytes, MaxSize is %d", ErrTooLarge, chosen.Path, chosen.Size, limit)
	}

	return nil
}

// checkArtifacts checks every artifact as a client checks the one that it takes, in
// the same order.
func (req *VerifyRequest) checkArtifacts(ctx context.Context, src source, l Location, v *trust.Verified) (warnings []string, errs []error) {
	if v.Legacy {
		a, err := measureLegacy(ctx, src, l, &v.Release)
		if err == nil {
			err = req.fits(v, a)
		}
		if err != nil {
			errs = append(errs, err)
		}
		return nil, errs
	}
	if _, err := release.Full(v); err != nil {
		errs = append(errs, err)
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
	if err := release.Verify(ctx, f, a); err != nil {
		return "", err
	}
	switch {
	case release.IsFull(a):
		_, err := decompress(ctx, f, a.Encoding, r.Size, r.Hash)
		return "", err
	case a.From == "" || a.Encoding != release.PatchEncoding:
		return fmt.Sprintf("decompressed: its encoding %q is unknown", a.Encoding), nil
	}
	old, err := src.oldBinary(ctx, l, a.From)
	if err != nil {
		return "", err
	}
	if old == nil {
		return "applied: the release that it starts from was not found", nil
	}

	return "", checkPatch(ctx, old, f, a.Size, r.Size, r.Hash)
}
