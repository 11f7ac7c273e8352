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
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

// Signer is a private key and which it is.
type Signer struct {
	signer signature.Signer
	key    trust.Key
}

// NewSigner asks the signer for its key, which must be Ed25519.
func NewSigner(ctx context.Context, signer signature.Signer) (*Signer, error) {
	key, err := signing.PublicKey(ctx, signer)
	if err != nil {
		return nil, err
	}

	return &Signer{signer, key}, nil
}

// Key is the public half.
func (s *Signer) Key() trust.Key { return s.key }

// sign returns a signature that was verified. It runs code that we did not
// write, perhaps over a network.
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
		return nil, fmt.Errorf("%w: not one by %s over this metadata", ErrSigner, s.key.ID())
	}

	return raw, nil
}

// of are the signers whose keys a role has.
func (r keyring) of(signers []*Signer) []*Signer {
	var out []*Signer
	for _, s := range signers {
		same := func(other *Signer) bool { return other.key == s.key }
		if _, ok := r.id(s.key); ok && !slices.ContainsFunc(out, same) {
			out = append(out, s)
		}
	}

	return out
}

// enough reports whether the signers can sign for the role.
func (r keyring) enough(signers []*Signer) bool {
	return r.threshold > 0 && len(r.of(signers)) >= r.threshold
}

// signAll replaces the signatures by those of the role's keys among signers.
func signAll[T metadata.Roles](ctx context.Context, meta *metadata.Metadata[T], r keyring, signers []*Signer) ([]byte, error) {
	meta.Signatures = []metadata.Signature{}
	for _, s := range r.of(signers) {
		if err := signOne(ctx, meta, r, s); err != nil {
			return nil, err
		}
	}

	return format(meta)
}

// signOne adds a signature, or replaces the one under the same id: a second
// one would make the whole file unreadable to others.
func signOne[T metadata.Roles](ctx context.Context, meta *metadata.Metadata[T], r keyring, s *Signer) error {
	id, ok := r.id(s.key)
	if !ok {
		return fmt.Errorf("%w: %s", ErrKey, KeyID(s.key))
	}
	message, err := payload(meta.Signed)
	if err != nil {
		return err
	}
	raw, err := s.sign(ctx, message)
	if err != nil {
		return err
	}
	made := metadata.Signature{KeyID: id, Signature: raw}
	if at := slices.IndexFunc(meta.Signatures, func(x metadata.Signature) bool { return x.KeyID == id }); at >= 0 {
		meta.Signatures[at] = made
	} else {
		meta.Signatures = append(meta.Signatures, made)
	}

	return nil
}

func format[T metadata.Roles](meta *metadata.Metadata[T]) ([]byte, error) {
	raw, err := meta.ToBytes(false)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(raw) > MaxFile {
		return nil, fmt.Errorf("%w: it would have %d bytes, clients read at most %d", ErrMalformed, len(raw), MaxFile)
	}

	return raw, nil
}

// expiry is a time in the form that all implementations read: UTC, and whole
// seconds.
func expiry(now time.Time, validity time.Duration) time.Time {
	return now.Add(validity).UTC().Truncate(time.Second)
}
