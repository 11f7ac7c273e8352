// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"

	"aead.dev/minisign"
	"golang.org/x/crypto/blake2b"

	"github.com/choria-io/go-updater/trust"
)

const minisignComment = "untrusted comment:"

// A secret key: signature, kdf and checksum algorithms (2 bytes each), salt (32),
// costs (8 and 8), key id (8), seed and public half (64), checksum (32). The key
// id and what follows may be encrypted. A public key: signature algorithm, key
// id, key.
const (
	minisignSecretSize = 158
	minisignPublicSize = 42
	minisignIDAt       = 54
	minisignKeyAt      = 62
	minisignSumAt      = 126
)

// minisignLine decodes the base64 line below the comment.
func minisignLine(text []byte) ([]byte, error) {
	_, line, ok := bytes.Cut(text, []byte("\n"))
	if !ok {
		return nil, fmt.Errorf("%w: minisign key without a second line", ErrMalformed)
	}
	raw, err := decodeLine(bytes.TrimSpace(line))
	if err != nil {
		return nil, fmt.Errorf("%w: minisign key: %w", ErrMalformed, err)
	}
	return raw, nil
}

func detectMinisign(text []byte) (container, error) {
	raw, err := minisignLine(text)
	if err != nil {
		return container{}, err
	}
	switch {
	case len(raw) == minisignPublicSize && string(raw[:2]) == "Ed":
		return container{}, ErrNotPrivate
	case len(raw) != minisignSecretSize:
		return container{}, fmt.Errorf("%w: the minisign key has %d bytes, a secret key has %d", ErrMalformed, len(raw), minisignSecretSize)
	case string(raw[:2]) != "Ed" || string(raw[4:6]) != "B2":
		return container{}, fmt.Errorf("%w: minisign key with unknown algorithms", ErrUnsupported)
	}
	switch string(raw[2:4]) {
	case "Sc":
		// The library limits the costs to libsodium's "sensitive" level.
		return container{Info{Minisign, true}, func(passphrase []byte) (*PrivateKey, error) {
			key, err := minisign.DecryptKey(string(passphrase), text)
			if err != nil {
				return nil, ErrPassphrase
			}
			opened, err := key.MarshalText()
			if err != nil {
				return nil, fmt.Errorf("%w: minisign key", ErrMalformed)
			}
			if raw, err = minisignLine(opened); err != nil {
				return nil, err
			}
			return fromMinisign(raw)
		}}, nil
	case "\x00\x00":
		return container{Info{Minisign, false}, func([]byte) (*PrivateKey, error) { return fromMinisign(raw) }}, nil
	}
	return container{}, fmt.Errorf("%w: minisign key with an unknown key derivation", ErrUnsupported)
}

// fromMinisign reads a secret key that is not encrypted. The checksum is
// BLAKE2b-256 of the algorithm, key id and key. minisign 0.11 and the library
// leave it zero if the key was never encrypted. Any other value must be correct.
func fromMinisign(raw []byte) (*PrivateKey, error) {
	sum := raw[minisignSumAt:]
	want := blake2b.Sum256(append([]byte("Ed"), raw[minisignIDAt:minisignSumAt]...))
	if !bytes.Equal(sum, make([]byte, len(sum))) && subtle.ConstantTimeCompare(sum, want[:]) != 1 {
		return nil, fmt.Errorf("%w: minisign key with a wrong checksum", ErrMalformed)
	}
	public := minisignKeyAt + ed25519.SeedSize
	key, err := fromPair(raw[minisignKeyAt:public], raw[public:minisignSumAt])
	if err != nil {
		return nil, err
	}
	return newPrivateKey(key.secret().key, withMinisignID(key.Public().Key, raw[minisignIDAt:minisignKeyAt])), nil
}

// formatMinisign returns an unencrypted key, as minisign -G -W writes it.
func formatMinisign(k *PrivateKey) []byte {
	raw := make([]byte, minisignSecretSize)
	copy(raw, "Ed\x00\x00B2")
	copy(raw[minisignIDAt:], k.Public().minisignID())
	copy(raw[minisignKeyAt:], k.secret().key)
	return fmt.Appendf(nil, "%s minisign secret key\n%s\n", minisignComment, base64.StdEncoding.EncodeToString(raw))
}

func sealMinisign(k *PrivateKey, passphrase []byte) ([]byte, error) {
	var key minisign.PrivateKey
	if err := key.UnmarshalText(formatMinisign(k)); err != nil {
		return nil, fmt.Errorf("%w: minisign key", ErrMalformed)
	}
	sealed, err := minisign.EncryptKey(string(passphrase), key)
	if err != nil {
		return nil, err
	}
	return append(sealed, '\n'), nil
}

func parseMinisignPublic(raw []byte) ([]PublicKey, error) {
	if len(raw) == minisignSecretSize {
		return nil, ErrNotPublic
	}
	if len(raw) != minisignPublicSize || string(raw[:2]) != "Ed" {
		return nil, fmt.Errorf("%w: minisign public key with unknown algorithm or length", ErrMalformed)
	}
	key, err := trust.NewKey(raw[10:])
	if err != nil {
		return nil, err
	}
	return []PublicKey{withMinisignID(key, raw[2:10])}, nil
}

func formatMinisignPublic(k PublicKey) []byte {
	raw := slices.Concat([]byte("Ed"), k.minisignID(), k.Bytes())
	return fmt.Appendf(nil, "%s minisign public key %s\n%s\n", minisignComment, k.MinisignID(), base64.StdEncoding.EncodeToString(raw))
}
