// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

// Signer signs with one Ed25519 key.
type Signer struct {
	signer signature.Signer
	key    trust.Key
}

// NewSigner returns an error for a signer of another kind than Ed25519.
func NewSigner(ctx context.Context, signer signature.Signer) (*Signer, error) {
	key, err := signing.PublicKey(ctx, signer)
	if err != nil {
		return nil, err
	}

	return &Signer{signer, key}, nil
}

// Key returns the public key.
func (s *Signer) Key() trust.Key { return s.key }

// sign returns a signature that was verified: the signer is not our code, and may
// be elsewhere on a network.
func (s *Signer) sign(ctx context.Context, message []byte) (raw []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: it panicked: %v", ErrSigner, r)
		}
	}()

	if err := ctx.Err(); err != nil {
		return nil, err
	}
	raw, err = s.signer.SignMessage(bytes.NewReader(message), options.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	if !ed25519.Verify(s.key.Bytes(), message, raw) {
		return nil, fmt.Errorf("%w: it does not verify with %s over this metadata", ErrSigner, s.key.ID())
	}

	return raw, nil
}

// signAll replaces the signatures by those of the role's keys among signers.
func signAll[T metadata.Roles](ctx context.Context, md *metadata.Metadata[T], r tuf.Keyring, signers []*Signer) error {
	md.Signatures = []metadata.Signature{}
	for _, s := range among(r, signers) {
		if err := signOne(ctx, md, r, s); err != nil {
			return err
		}
	}

	return nil
}

// signOne adds a signature, or replaces the one under the same id: with two of them
// other implementations refuse the whole file.
func signOne[T metadata.Roles](ctx context.Context, md *metadata.Metadata[T], r tuf.Keyring, s *Signer) error {
	id, ok := r.Name(s.key.ID())
	if !ok {
		return fmt.Errorf("%w: %s", ErrKey, KeyID(s.key))
	}
	message, err := tuf.Payload(md.Signed)
	if err != nil {
		return err
	}
	raw, err := s.sign(ctx, message)
	if err != nil {
		return err
	}
	made := metadata.Signature{KeyID: id, Signature: raw}
	if at := slices.IndexFunc(md.Signatures, func(x metadata.Signature) bool { return x.KeyID == id }); at >= 0 {
		md.Signatures[at] = made
	} else {
		md.Signatures = append(md.Signatures, made)
	}

	return nil
}
