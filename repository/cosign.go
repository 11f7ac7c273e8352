// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

// CosignRequest selects published releases to cosign.
type CosignRequest struct {
	Filter
	Signer signature.Signer
	Now    time.Time // the current time

	// Policy holds the keys that have signed the documents. A cosigner vouches for
	// the release that they signed, not for any file found in its place.
	Policy *trust.Policy

	// TUF updates the TUF metadata, if the repository has any.
	TUF TUF
}

// Cosign adds a signature to published releases, after it has verified them as
// [Repository.Verify] does. It replaces all documents, or, after an error, none.
//
// It returns [ErrNoRelease] if the filter selects nothing, and
// signing.ErrAlreadySigned if the key has signed a release before.
func (r *Repository) Cosign(ctx context.Context, req CosignRequest) ([]Published, error) {
	switch {
	case req.Signer == nil:
		return nil, invalid("no signer given")
	case req.Policy == nil:
		return nil, invalid("no public keys given to verify the existing signatures with")
	case req.Now.IsZero():
		return nil, invalid("no current time given")
	}
	key, err := signing.PublicKey(ctx, req.Signer)
	if err != nil {
		return nil, err
	}

	return r.resign(ctx, req.Filter, releasing{req.TUF, req.Signer, req.Now}, resignSteps{
		check: func(ctx context.Context, p *publishedRelease) error {
			verified, err := trust.Verify(p.raw, req.Policy, p.at.want(req.Now))
			if err != nil {
				return err
			}
			return p.accept(ctx, r, verified)
		},
		// signing.Cosign keeps the signatures that were just verified.
		sign: func(ctx context.Context, p *publishedRelease) (err error) {
			if p.raw, err = signing.Cosign(ctx, p.raw, req.Signer); err != nil {
				return err
			}
			p.out = publishedOf(p.release, p.at, &key)
			return nil
		},
	})
}
