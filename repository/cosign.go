// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"
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
// [Repository.Verify] does. It replaces all documents, or, after an error, none. A
// release that the key has cosigned stays as it is: a Cosign that was killed can be
// repeated.
//
// It returns [ErrNoRelease] if the filter selects nothing, and
// signing.ErrAlreadySigned if a release was published with this key: signatures of one
// key count once.
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

	alone, err := trust.NewPolicy(1, key)
	if err != nil {
		return nil, err
	}

	return r.resign(ctx, req.Filter, releasing{req.TUF, req.Signer, req.Now}, resignSteps{
		key: key,
		check: func(ctx context.Context, p *publishedRelease) error {
			verified, err := trust.Verify(p.raw, req.Policy, p.at.want(req.Now))
			if err != nil {
				return err
			}
			if signing.SignedBy(p.raw, key) == nil {
				return fmt.Errorf("%w: %s", signing.ErrAlreadySigned, key.ID())
			}
			_, err = trust.Verify(p.raw, alone, p.at.want(req.Now))
			p.already = err == nil
			return p.accept(ctx, r, verified)
		},
		// signing.Cosign keeps the signatures that were just verified.
		sign: func(ctx context.Context, document []byte) ([]byte, error) {
			return signing.Cosign(ctx, document, req.Signer)
		},
	})
}
