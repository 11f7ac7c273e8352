// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// MaxKeys is the number of keys that one policy may hold.
const MaxKeys = 16

// Key is a sound Ed25519 public key. It is comparable; the zero Key is not
// sound and no policy takes it. Make one with [NewKey] or [ParseKeys].
type Key struct {
	raw [ed25519.PublicKeySize]byte
}

// pkixPrefix is the DER that precedes the 32 bytes of an Ed25519 key in a
// SubjectPublicKeyInfo (RFC 8410 §4).
const pkixPrefix = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"

// NewKey takes the 32 bytes of an Ed25519 public key (RFC 8032 §5.1.5). Keys
// under which a signature proves nothing are refused with [ErrBadKey]:
// crypto/ed25519 accepts signatures by points of low order, which anybody can
// make without a private key, and encodings with y ≥ p.
func NewKey(raw []byte) (Key, error) {
	if len(raw) != ed25519.PublicKeySize {
		return Key{}, fmt.Errorf("%w: %d bytes, an Ed25519 key has %d", ErrBadKey, len(raw), ed25519.PublicKeySize)
	}
	k := Key{raw: [ed25519.PublicKeySize]byte(raw)}

	masked := k.raw
	masked[31] &= 0x7f
	slices.Reverse(masked[:])
	y := new(big.Int).SetBytes(masked[:])
	one := big.NewInt(1)
	p := new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	if y.Cmp(p) >= 0 {
		return Key{}, fmt.Errorf("%w: not canonically encoded (y ≥ p)", ErrBadKey)
	}
	if lowOrder(hex.EncodeToString(masked[:])) {
		return Key{}, fmt.Errorf("%w: a point of low order, anybody can sign for it", ErrBadKey)
	}

	// x² = (y²-1)/(dy²+1) has a root exactly if (y²-1)(dy²+1) is a square.
	d, _ := new(big.Int).SetString("37095705934669439343138083508754565189542113879843219016388785533085940283555", 10)
	yy := new(big.Int).Mul(y, y)
	u := new(big.Int).Sub(yy, one)
	v := new(big.Int).Add(new(big.Int).Mul(d, yy), one)
	if big.Jacobi(u.Mul(u, v).Mod(u, p), p) != 1 {
		return Key{}, fmt.Errorf("%w: not a point of the curve", ErrBadKey)
	}
	return k, nil
}

// lowOrder reports whether y, big-endian hex with the sign bit cleared, is one
// of the five y coordinates of the eight points whose order divides 8.
func lowOrder(y string) bool {
	switch y {
	case "0000000000000000000000000000000000000000000000000000000000000000", // order 4
		"0000000000000000000000000000000000000000000000000000000000000001", // order 1
		"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec", // order 2
		"05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", // order 8
		"7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7": // order 8
		return true
	}
	return false
}

// ParseKeys reads public keys as people keep them: 32 raw bytes, base64 of
// them, or PEM "PUBLIC KEY" blocks (PKIX), of which there may be up to
// [MaxKeys]. It returns at least one key, or [ErrBadKey]. Its errors never
// quote the input, which may be a private key given by mistake.
func ParseKeys(data []byte) ([]Key, error) {
	text := bytes.TrimSpace(data)
	if bytes.HasPrefix(text, []byte("-----BEGIN")) {
		return parsePEM(text)
	}
	raw := data
	if len(raw) != ed25519.PublicKeySize {
		var err error
		if raw, err = strictBase64(string(text), ed25519.PublicKeySize); err != nil {
			return nil, fmt.Errorf("%w: %d bytes that are neither a raw key, nor base64 of one, nor PEM", ErrBadKey, len(data))
		}
	}
	k, err := NewKey(raw)
	if err != nil {
		return nil, err
	}
	return []Key{k}, nil
}

func parsePEM(text []byte) ([]Key, error) {
	var keys []Key
	var read []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if len(keys) == MaxKeys {
			return nil, fmt.Errorf("%w: more than %d PEM blocks", ErrBadKey, MaxKeys)
		}
		k, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("PEM block %d: %w", len(keys)+1, err)
		}
		keys = append(keys, k)
		read = append(read, k.PEM()...)
	}
	// pem.Decode skips what it cannot read. A key lost that way would change
	// who is trusted: nothing but white space may be there besides the keys.
	if !bytes.Equal(bytes.Join(bytes.Fields(read), nil), bytes.Join(bytes.Fields(text), nil)) {
		return nil, fmt.Errorf("%w: text that is no PEM block, beside %d that are", ErrBadKey, len(keys))
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (Key, error) {
	if strings.Contains(block.Type, "PRIVATE") {
		return Key{}, fmt.Errorf("%w: a private key, pass its public half", ErrBadKey)
	}
	if block.Type != "PUBLIC KEY" {
		return Key{}, fmt.Errorf("%w: not a PUBLIC KEY", ErrBadKey)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("%w: no PKIX key", ErrBadKey)
	}
	pub, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return Key{}, fmt.Errorf("%w: a %T, only Ed25519 is used", ErrBadKey, parsed)
	}
	return NewKey(pub)
}

// Bytes returns the 32 bytes of the key: k is a copy already.
func (k Key) Bytes() []byte { return k.raw[:] }

// String returns the base64 of the 32 bytes, as [ParseKeys] reads it.
func (k Key) String() string { return base64.StdEncoding.EncodeToString(k.raw[:]) }

// PEM returns the key as a PKIX "PUBLIC KEY" block (RFC 8410).
func (k Key) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.der()})
}

// ID is the hex sha256 of the PKIX DER of the key: its fingerprint, and its
// name in cosignatures.
func (k Key) ID() string {
	sum := sha256.Sum256(k.der())
	return hex.EncodeToString(sum[:])
}

func (k Key) der() []byte { return append([]byte(pkixPrefix), k.raw[:]...) }

func (k Key) verify(message, signature []byte) bool {
	return ed25519.Verify(k.raw[:], message, signature)
}

// strictBase64 decodes exactly size bytes with exactly one spelling: padded,
// no line breaks, unused bits zero (RFC 4648 §3.5). A signature that can be
// respelled would make two documents of one. The length leaves no room for the
// line breaks that the decoder skips.
func strictBase64(s string, size int) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if len(s) != base64.StdEncoding.EncodedLen(size) || err != nil || len(raw) != size {
		return nil, fmt.Errorf("%d characters that are not base64 of %d bytes", len(s), size)
	}
	return raw, nil
}
