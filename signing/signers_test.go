// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package signing_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"testing"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

func TestFaultySigners(t *testing.T) {
	honest, _ := seeded(t, 1)
	other, _ := seeded(t, 2)
	ph, err := signature.LoadED25519phSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)))
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ec, err := signature.LoadECDSASigner(ecKey, crypto.SHA256)
	require.NoError(t, err)

	cases := map[string]struct {
		signer signature.Signer
		want   error
	}{
		"garbage":                    {fakeSigner{Signer: honest, answer: bytes.Repeat([]byte{7}, 64)}, signing.ErrSigner},
		"another key's signature":    {substituteSigner{Signer: honest, signs: other}, signing.ErrSigner},
		"63 bytes":                   {fakeSigner{Signer: honest, answer: make([]byte, 63)}, signing.ErrSigner},
		"65 bytes":                   {fakeSigner{Signer: honest, answer: make([]byte, 65)}, signing.ErrSigner},
		"nothing":                    {fakeSigner{Signer: honest}, signing.ErrSigner},
		"an error":                   {fakeSigner{Signer: honest, err: errDevice}, errDevice},
		"a panic":                    {panickingSigner{honest}, signing.ErrSigner},
		"a panic for the public key": {keyPanickingSigner{honest}, signing.ErrSigner},
		"no public key":              {keylessSigner{honest}, errDevice},
		"a nil public key":           {otherKeySigner{honest, nil}, trust.ErrBadKey},
		"an all-zero public key":     {otherKeySigner{honest, ed25519.PublicKey(make([]byte, 32))}, trust.ErrBadKey},
		"ed25519ph":                  {ph, signing.ErrSigner},
		"ecdsa":                      {ec, trust.ErrBadKey},
	}
	signed, err := signing.Sign(t.Context(), document(t), other)
	require.NoError(t, err)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := signing.Sign(t.Context(), document(t), tc.signer)
			require.ErrorIs(t, err, tc.want)
			require.Nil(t, out)

			out, err = signing.Cosign(t.Context(), signed, tc.signer)
			require.ErrorIs(t, err, tc.want)
			require.Nil(t, out)
		})
	}

	t.Run("the error names the cause", func(t *testing.T) {
		_, err := signing.Sign(t.Context(), document(t), fakeSigner{Signer: honest, answer: make([]byte, 63)})
		require.ErrorContains(t, err, "63 bytes, want 64")
	})
	t.Run("the signer that they wrap is correct", func(t *testing.T) {
		_, err := signing.Sign(t.Context(), document(t), honest)
		require.NoError(t, err)
	})
	t.Run("a pointer to the key", func(t *testing.T) {
		pub, err := honest.PublicKey()
		require.NoError(t, err)
		raw := pub.(ed25519.PublicKey)
		_, err = signing.Sign(t.Context(), document(t), otherKeySigner{honest, &raw})
		require.NoError(t, err)
	})
}

var errDevice = errors.New("the device is locked")

// fakeSigner returns a fixed signature or error.
type fakeSigner struct {
	signature.Signer
	answer []byte
	err    error
}

func (f fakeSigner) SignMessage(io.Reader, ...signature.SignOption) ([]byte, error) {
	return f.answer, f.err
}

// substituteSigner has the public key of one signer and signs with another.
type substituteSigner struct {
	signature.Signer
	signs signature.Signer
}

func (s substituteSigner) SignMessage(m io.Reader, o ...signature.SignOption) ([]byte, error) {
	return s.signs.SignMessage(m, o...)
}

type panickingSigner struct{ signature.Signer }

func (panickingSigner) SignMessage(io.Reader, ...signature.SignOption) ([]byte, error) {
	panic("index out of range")
}

type keyPanickingSigner struct{ signature.Signer }

func (keyPanickingSigner) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) {
	panic("nil map")
}

type keylessSigner struct{ signature.Signer }

func (keylessSigner) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) {
	return nil, errDevice
}

// otherKeySigner returns a public key that is not its own.
type otherKeySigner struct {
	signature.Signer
	key crypto.PublicKey
}

func (s otherKeySigner) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) {
	return s.key, nil
}

// unusedSigner fails the test if it is used.
type unusedSigner struct {
	t *testing.T
	signature.Signer
}

func (u unusedSigner) SignMessage(io.Reader, ...signature.SignOption) ([]byte, error) {
	u.t.Helper()
	u.t.Error("the key was used")

	return nil, errors.New("the key was used")
}
