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

// Key is an Ed25519 public key that was checked: make it with [NewKey] or
// [ParseKeys]. Keys can be compared with ==. [NewPolicy] refuses the zero Key.
type Key struct {
	raw [ed25519.PublicKeySize]byte
}

// pkixPrefix is the DER that precedes the 32 bytes of an Ed25519 key in a
// SubjectPublicKeyInfo (RFC 8410 §4).
const pkixPrefix = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"

// NewKey returns the key of the 32 bytes of an Ed25519 public key (RFC 8032
// §5.1.5), or [ErrBadKey]. It is stricter than crypto/ed25519, which accepts
// points of low order, for which anyone can make signatures without a private key,
// and encodings with y ≥ p.
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
		return Key{}, fmt.Errorf("%w: a point of low order, for which anyone can sign", ErrBadKey)
	}

	// x² = (y²-1)/(dy²+1) has a root exactly if (y²-1)(dy²+1) is a square.
	d, _ := new(big.Int).SetString("37095705934669439343138083508754565189542113879843219016388785533085940283555", 10)
	yy := new(big.Int).Mul(y, y)
	u := new(big.Int).Sub(yy, one)
	v := new(big.Int).Add(new(big.Int).Mul(d, yy), one)
	if big.Jacobi(u.Mul(u, v).Mod(u, p), p) != 1 {
		return Key{}, fmt.Errorf("%w: not a point on the curve", ErrBadKey)
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

// ParseKeys reads one key as 32 raw bytes or as base64 of them, or up to
// [MaxKeys] keys as PEM "PUBLIC KEY" blocks (PKIX). It returns at least one key, or
// [ErrBadKey]. Its errors never quote the input, which may be a private key given
// by mistake (T16).
func ParseKeys(data []byte) ([]Key, error) {
	text := bytes.TrimSpace(data)
	if bytes.HasPrefix(text, []byte("-----BEGIN")) {
		return parsePEM(text)
	}
	raw := data
	if len(raw) != ed25519.PublicKeySize {
		var err error
		if raw, err = strictBase64(string(text), ed25519.PublicKeySize); err != nil {
			return nil, fmt.Errorf("%w: not a raw key, base64 of one, or PEM (%d bytes)", ErrBadKey, len(data))
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
	// pem.Decode skips what it cannot read. A key that is lost that way would
	// change who is trusted: only white space may lie between the keys.
	if !bytes.Equal(bytes.Join(bytes.Fields(read), nil), bytes.Join(bytes.Fields(text), nil)) {
		return nil, fmt.Errorf("%w: text outside the %d PEM blocks that can be read", ErrBadKey, len(keys))
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (Key, error) {
	if strings.Contains(block.Type, "PRIVATE") {
		return Key{}, fmt.Errorf("%w: this is a private key, give its public key", ErrBadKey)
	}
	if block.Type != "PUBLIC KEY" {
		return Key{}, fmt.Errorf("%w: the block is not a PUBLIC KEY", ErrBadKey)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("%w: not a PKIX key", ErrBadKey)
	}
	pub, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return Key{}, fmt.Errorf("%w: a %T, but only Ed25519 is supported", ErrBadKey, parsed)
	}
	return NewKey(pub)
}

// Bytes returns a copy of the 32 bytes of the key.
func (k Key) Bytes() []byte { return k.raw[:] }

// String returns base64 of the 32 bytes, which [ParseKeys] reads.
func (k Key) String() string { return base64.StdEncoding.EncodeToString(k.raw[:]) }

// PEM returns the key as a PKIX "PUBLIC KEY" block (RFC 8410), which [ParseKeys]
// reads.
func (k Key) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.der()})
}

// ID returns the SHA-256, in hex, of the PKIX encoding (DER) of the key. It is the
// fingerprint of the key, and names it in cosignatures.
func (k Key) ID() string {
	sum := sha256.Sum256(k.der())
	return hex.EncodeToString(sum[:])
}

func (k Key) der() []byte { return append([]byte(pkixPrefix), k.raw[:]...) }

func (k Key) verify(message, signature []byte) bool {
	return ed25519.Verify(k.raw[:], message, signature)
}

// strictBase64 decodes size bytes from their only spelling: padded, without line
// breaks, unused bits zero (RFC 4648 §3.5). If a signature had two spellings, one
// document would have two. The length leaves no room for line breaks, which the
// decoder skips.
func strictBase64(s string, size int) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if len(s) != base64.StdEncoding.EncodedLen(size) || err != nil || len(raw) != size {
		return nil, fmt.Errorf("not base64 of %[2]d bytes (%[1]d characters)", len(s), size)
	}
	return raw, nil
}
