// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"fmt"
	"io"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/trust"
)

// PrivateKey is an Ed25519 private key. It prints as its fingerprint and has no
// JSON form, so that it does not end up in a log. It is immutable.
type PrivateKey struct {
	// A function, because fmt prints unexported fields of a struct without
	// calling their methods. The zero PrivateKey has none.
	secret func() secret
}

type secret struct {
	key    ed25519.PrivateKey
	public PublicKey
}

// Generate makes a key from 32 bytes of random. Outside tests, pass
// crypto/rand.Reader.
func Generate(random io.Reader) (*PrivateKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("reading random bytes: %w", err)
	}
	return fromSeed(seed)
}

// fromSeed makes every PrivateKey, so the public half is always derived.
func fromSeed(seed []byte) (*PrivateKey, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%w: the seed has %d bytes, want %d", ErrMalformed, len(seed), ed25519.SeedSize)
	}
	key := ed25519.NewKeyFromSeed(seed)
	public, err := trust.NewKey(key[ed25519.SeedSize:])
	if err != nil {
		return nil, err
	}
	return newPrivateKey(key, PublicKey{Key: public}), nil
}

func newPrivateKey(key ed25519.PrivateKey, public PublicKey) *PrivateKey {
	return &PrivateKey{func() secret { return secret{key, public} }}
}

// fromPair is fromSeed for files that contain the public half too.
func fromPair(seed, public []byte) (*PrivateKey, error) {
	key, err := fromSeed(seed)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(key.Public().Bytes(), public) {
		return nil, ErrKeyMismatch
	}
	return key, nil
}

// Public returns the public half.
func (k PrivateKey) Public() PublicKey { return k.secret().public }

// equal compares in constant time.
func (k PrivateKey) equal(other *PrivateKey) bool {
	return k.secret().key.Equal(other.secret().key)
}

// Signer returns a signer of pure Ed25519 (RFC 8032). It returns [ErrMalformed]
// for the zero PrivateKey.
func (k PrivateKey) Signer() (signature.Signer, error) {
	if k.secret == nil {
		return nil, fmt.Errorf("loading the key: %w: the key is empty", ErrMalformed)
	}
	return keySigner{k}, nil
}

// keySigner hides sigstore's signer, which prints its private key.
type keySigner struct{ PrivateKey }

// PublicKey implements signature.Signer.
func (s keySigner) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) {
	return ed25519.PublicKey(s.Public().Bytes()), nil
}

// SignMessage implements signature.Signer.
func (s keySigner) SignMessage(message io.Reader, opts ...signature.SignOption) ([]byte, error) {
	signer, err := signature.LoadED25519Signer(s.secret().key)
	if err != nil {
		return nil, fmt.Errorf("loading the key: %w", err)
	}
	return signer.SignMessage(message, opts...)
}

// String returns the fingerprint of the key.
func (k PrivateKey) String() string {
	if k.secret == nil {
		return "keys.PrivateKey(none)"
	}
	return "keys.PrivateKey(" + k.Public().ID() + ")"
}

// Format prints String for every verb, including %#v.
func (k PrivateKey) Format(f fmt.State, _ rune) {
	// fmt.Formatter cannot return an error.
	_, _ = io.WriteString(f, k.String())
}
