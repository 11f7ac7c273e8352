// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

// SignRequest selects published releases to sign.
type SignRequest struct {
	Filter
	Signer signature.Signer
	Now    time.Time // the current time

	// Released and Expires are for documents of v0.1.0, which have neither and
	// become documents of format 1. With Renew all documents get Expires.
	Released time.Time // Now if zero
	Expires  time.Time
	Renew    bool

	// Name is the product of documents of v0.1.0, if the name of their artifact
	// does not contain it.
	Name string

	// Force replaces the signature of another key.
	Force bool

	// TUF updates the TUF metadata, if the repository has any.
	TUF TUF
}

// Sign signs published releases, after it has checked their artifacts: the
// signature covers their hashes. It replaces all documents, or, after an error,
// none. A release that the key has signed, with the time of expiry that Renew asks for,
// stays as it is: a Sign that was killed can be repeated.
//
// It returns [ErrNoRelease] if the filter selects nothing, [ErrOtherKey] if the
// signature is another key's and Force is not set, and trust.ErrUnsigned if a
// release to renew has lost its signature.
func (r *Repository) Sign(ctx context.Context, req SignRequest) ([]Published, error) {
	switch {
	case req.Signer == nil:
		return nil, invalid("no signer given")
	case req.Now.IsZero():
		return nil, invalid("no current time given")
	case req.Expires.IsZero():
		return nil, invalid("no time of expiry given")
	}
	if req.Released.IsZero() {
		req.Released = req.Now
	}
	req.Released = req.Released.UTC().Truncate(time.Second)
	req.Expires = req.Expires.UTC().Truncate(time.Second)
	key, err := signing.PublicKey(ctx, req.Signer)
	if err != nil {
		return nil, err
	}

	return r.resign(ctx, req.Filter, releasing{req.TUF, req.Signer, req.Now}, resignSteps{
		key: key,
		check: func(ctx context.Context, p *publishedRelease) error {
			if err := p.prepareToSign(ctx, r, &req, key); err != nil {
				return err
			}
			verified, err := trust.InsecureVerifyUnsigned(p.raw, p.at.want(req.Now))
			if err != nil {
				return err
			}
			return p.accept(ctx, r, verified)
		},
		sign: func(ctx context.Context, document []byte) ([]byte, error) {
			return signing.Sign(ctx, document, req.Signer)
		},
	})
}

// An attacker who can write to the repository may put an unsigned release there,
// for the next signing to sign.
const wasUnsigned = "this release had no signature, only its hash was checked: make sure that you built it"

// prepareToSign checks whose signature a document has, and changes the document
// to what is to be signed.
func (p *publishedRelease) prepareToSign(ctx context.Context, r *Repository, req *SignRequest, key trust.Key) error {
	var d struct {
		Format       *json.RawMessage  `json:"format"`
		Expires      json.RawMessage   `json:"expires"`
		Cosignatures []json.RawMessage `json:"cosignatures"`
	}
	if err := json.Unmarshal(p.raw, &d); err != nil {
		return fmt.Errorf("%w: %w", trust.ErrMalformed, err)
	}
	legacy := d.Format == nil
	err := error(trust.ErrUnsigned)
	if !legacy {
		err = signing.SignedBy(p.raw, key)
	}
	switch {
	case err == nil:
		if p.already = !req.Renew || string(d.Expires) == strconv.Quote(req.Expires.Format(time.RFC3339)); p.already {
			return nil
		}
	case errors.Is(err, trust.ErrUnsigned):
		// An attacker could exchange the program and remove the signature, and have
		// the next renewal, which may run unattended, sign it.
		if req.Renew && !req.Force {
			return fmt.Errorf("%w: only a release that this key signed is renewed (sign it first without a new expiry, or use force)", err)
		}
		p.warnings = append(p.warnings, wasUnsigned)
	case errors.Is(err, trust.ErrSignature):
		if !req.Force {
			return ErrOtherKey
		}
	default:
		return err
	}
	if legacy {
		return p.upgrade(ctx, r, req)
	}
	if !req.Renew {
		return nil
	}
	if n := len(d.Cosignatures); n > 0 {
		p.warnings = append(p.warnings, fmt.Sprintf("%d cosignatures were removed, which do not cover the new time of expiry: cosign it again", n))
	}
	p.raw, err = signing.Renew(p.raw, req.Expires)

	return err
}
