// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/choria-io/go-updater/trust"
)

// patchBase is a published release that a patch is made from.
type patchBase struct {
	at      Location
	release trust.Release
}

func patchSuffix(from string) string { return "-from-" + from + ".patch" }

// patchBases finds the releases to make patches from, for one binary.
func (r *Repository) patchBases(ctx context.Context, f File, req *AddRequest, key *trust.Key) (found []*patchBase, warnings []string, err error) {
	for _, v := range req.PatchFrom {
		b, err := r.patchBase(ctx, f.at(v), req, key)
		if errors.Is(err, ErrMissing) {
			err = fmt.Errorf("%w: version %q is not published for %s/%s", ErrNoRelease, v, f.OS, f.Arch)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("patching from %s: %w", f.at(v), err)
		}
		found = append(found, b)
	}
	if req.Patches > 0 {
		return r.latestBases(ctx, f, req, key)
	}

	return found, nil, nil
}

// latestBases finds the latest releases before the new one. They were not named, so
// releases of others are skipped with a warning; a damaged one is an error.
func (r *Repository) latestBases(ctx context.Context, f File, req *AddRequest, key *trust.Key) (found []*patchBase, warnings []string, err error) {
	all, _, err := r.locations(Filter{OS: f.OS, Arch: f.Arch})
	if err != nil {
		return nil, nil, err
	}
	for _, at := range slices.Backward(all) {
		if len(found) == req.Patches {
			break
		}
		if !comparableVersion(at.Version) || !olderVersion(at.Version, req.Version) {
			continue
		}
		b, err := r.patchBase(ctx, at, req, key)
		switch {
		case errors.Is(err, trust.ErrMismatch), errors.Is(err, trust.ErrUnsigned), errors.Is(err, trust.ErrSignature):
			warnings = append(warnings, fmt.Sprintf("no patch from %s: %v", at, err))
		case err != nil:
			return nil, nil, fmt.Errorf("patching from %s: %w", at, err)
		default:
			found = append(found, b)
		}
	}

	return found, warnings, nil
}

// patchBase verifies the document of a published release. It must be of the same
// product, and signed by the key that signs the new release: otherwise clients do
// not run that binary. It may have expired; clients that run it need the patch.
func (r *Repository) patchBase(ctx context.Context, at Location, req *AddRequest, key *trust.Key) (*patchBase, error) {
	raw, err := r.readDocument(ctx, at)
	if err != nil {
		return nil, err
	}
	want := at.want(req.Now)
	want.Name = req.Name
	if e := r.entry(ctx, at); e.Released != nil {
		want.Now = *e.Released
	}
	var verified *trust.Verified
	if key == nil {
		verified, err = trust.InsecureVerifyUnsigned(raw, want)
	} else {
		var policy *trust.Policy
		if policy, err = trust.NewPolicy(1, *key); err == nil {
			verified, err = trust.Verify(raw, policy, want)
		}
	}
	if err != nil {
		return nil, err
	}
	if verified.Legacy {
		return nil, fmt.Errorf("%w: its document is of version 0.1.0 (sign it first)", trust.ErrUnsigned)
	}

	return &patchBase{at: at, release: verified.Release}, nil
}
