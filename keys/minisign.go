// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"aead.dev/minisign"
	"golang.org/x/crypto/blake2b"

	"github.com/choria-io/go-updater/trust"
)

const minisignComment = "untrusted comment:"

// The layout of a secret key: signature, kdf and checksum algorithms (2 bytes
// each), salt (32), costs (8 and 8), key id (8), seed and public half (64),
// checksum (32); encrypted from the key id on. Of a public key: signature
// algorithm, key id, key.
const (
	minisignSecretSize = 158
	minisignPublicSize = 42
	minisignIDAt       = 54
	minisignKeyAt      = 62
	minisignSumAt      = 126
)

// minisignLine returns the base64 line below the comment, decoded.
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
		return container{}, fmt.Errorf("%w: minisign key of %d bytes, a secret key has %d", ErrMalformed, len(raw), minisignSecretSize)
	case string(raw[:2]) != "Ed" || string(raw[4:6]) != "B2":
		return container{}, fmt.Errorf("%w: minisign key with unknown algorithms", ErrUnsupported)
	}
	switch string(raw[2:4]) {
	case "Sc":
		// The library bounds the costs by libsodium's "sensitive" level.
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
// BLAKE2b-256 of the algorithm, key id and key. Both minisign 0.11 and the
// library leave it zero in this form; any other value must be right.
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
	return newPrivateKey(key.secret().key, PublicKey{
		Key:        key.Public(),
		MinisignID: binary.LittleEndian.Uint64(raw[minisignIDAt:]),
	}), nil
}

// formatMinisign writes the form that is not encrypted, as minisign -G -W does.
func formatMinisign(k *PrivateKey) []byte {
	raw := make([]byte, minisignSecretSize)
	copy(raw, "Ed\x00\x00B2")
	binary.LittleEndian.PutUint64(raw[minisignIDAt:], k.secret().public.MinisignID)
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

func parseMinisignPublic(raw []byte) (PublicKey, error) {
	if len(raw) == minisignSecretSize {
		return PublicKey{}, ErrNotPublic
	}
	if len(raw) != minisignPublicSize || string(raw[:2]) != "Ed" {
		return PublicKey{}, fmt.Errorf("%w: minisign public key with unknown algorithm or length", ErrMalformed)
	}
	key, err := trust.NewKey(raw[10:])
	if err != nil {
		return PublicKey{}, err
	}
	return PublicKey{Key: key, MinisignID: binary.LittleEndian.Uint64(raw[2:])}, nil
}

func formatMinisignPublic(k PublicKey) []byte {
	raw := append([]byte("Ed"), make([]byte, 8)...)
	binary.LittleEndian.PutUint64(raw[2:], k.MinisignID)
	raw = append(raw, k.Key.Bytes()...)
	return fmt.Appendf(nil, "%s minisign public key %016X\n%s\n", minisignComment, k.MinisignID, base64.StdEncoding.EncodeToString(raw))
}
