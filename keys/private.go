// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"crypto"
	"crypto/ed25519"
	"crypto/subtle"
	"fmt"
	"io"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/trust"
)

// PrivateKey is an Ed25519 private key. It prints as its fingerprint and has no
// JSON form, so that it does not end up in a log.
type PrivateKey struct {
	// A function, because fmt prints unexported fields without asking them: a
	// PrivateKey inside another struct would otherwise show its bytes, even
	// behind a pointer (for %s). The zero PrivateKey has none.
	secret func() secret
}

type secret struct {
	key    ed25519.PrivateKey
	public PublicKey
}

// Generate makes a key from 32 bytes of random, which is crypto/rand.Reader
// outside tests.
func Generate(random io.Reader) (*PrivateKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("reading random bytes: %w", err)
	}
	return fromSeed(seed)
}

// fromSeed is the one way to a PrivateKey: its public half is always derived.
func fromSeed(seed []byte) (*PrivateKey, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%w: a seed of %d bytes, Ed25519 has %d", ErrMalformed, len(seed), ed25519.SeedSize)
	}
	key := ed25519.NewKeyFromSeed(seed)
	public, err := trust.NewKey(key[ed25519.SeedSize:])
	if err != nil {
		return nil, err
	}
	return newPrivateKey(key, NewPublicKey(public)), nil
}

func newPrivateKey(key ed25519.PrivateKey, public PublicKey) *PrivateKey {
	return &PrivateKey{func() secret { return secret{key, public} }}
}

// fromPair is fromSeed for files that also say what the public half is.
func fromPair(seed, public []byte) (*PrivateKey, error) {
	key, err := fromSeed(seed)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(key.secret().public.Key.Bytes(), public) != 1 {
		return nil, ErrKeyMismatch
	}
	return key, nil
}

// Public returns the public half.
func (k PrivateKey) Public() trust.Key { return k.secret().public.Key }

// PublicKey returns the public half with the names other tools know it by.
func (k PrivateKey) PublicKey() PublicKey { return k.secret().public }

// Equal reports whether both hold the same key, in constant time.
func (k PrivateKey) Equal(other crypto.PrivateKey) bool {
	o, ok := other.(*PrivateKey)
	return ok && k.secret().key.Equal(o.secret().key)
}

// Signer returns the key as sigstore's interface: pure Ed25519 (RFC 8032).
func (k PrivateKey) Signer() (signature.Signer, error) {
	if k.secret == nil {
		return nil, fmt.Errorf("loading the key: %w: there is none", ErrMalformed)
	}
	return keySigner{k}, nil
}

// keySigner stands before sigstore's signer, which prints its private key.
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

// String names the key without showing it.
func (k PrivateKey) String() string {
	if k.secret == nil {
		return "keys.PrivateKey(none)"
	}
	return "keys.PrivateKey(" + k.secret().public.Key.ID() + ")"
}

// GoString is String, so that %#v shows no secret.
func (k PrivateKey) GoString() string { return k.String() }

// Format prints String for every verb, also for those that would show fields.
func (k PrivateKey) Format(f fmt.State, _ rune) {
	// fmt.State has nowhere to return an error to.
	_, _ = io.WriteString(f, k.String())
}
