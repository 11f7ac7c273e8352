// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"crypto/ed25519"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// keyType names the types that are mistaken for Ed25519.
func keyType(oid asn1.ObjectIdentifier) string {
	switch oid.String() {
	case "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10":
		return "RSA"
	case "1.2.840.10045.2.1":
		return "ECDSA"
	case "1.2.840.10040.4.1":
		return "DSA"
	case "1.3.101.110":
		return "X25519"
	case "1.3.101.111":
		return "X448"
	case "1.3.101.113":
		return "Ed448"
	}
	return "unknown type of"
}

// parsePKCS8 reads a OneAsymmetricKey (RFC 5958 §2) with an Ed25519 key (RFC
// 8410 §7). crypto/x509 reads it too, but ignores the public half that version 2
// may contain, which must be compared.
func parsePKCS8(der []byte) (*PrivateKey, error) {
	malformed := fmt.Errorf("%w: damaged PKCS#8", ErrMalformed)

	input := cryptobyte.String(der)
	var info, algorithm, wrapped, seed cryptobyte.String
	var version int
	var oid asn1.ObjectIdentifier
	if !input.ReadASN1(&info, cbasn1.SEQUENCE) || !input.Empty() ||
		!info.ReadASN1Integer(&version) || version < 0 || version > 1 ||
		!info.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) ||
		!info.ReadASN1(&wrapped, cbasn1.OCTET_STRING) {
		return nil, malformed
	}
	if !oid.Equal(asn1.ObjectIdentifier{1, 3, 101, 112}) {
		return nil, notEd25519(keyType(oid))
	}

	var public cryptobyte.String
	var hasPublic bool
	if !algorithm.Empty() ||
		!wrapped.ReadASN1(&seed, cbasn1.OCTET_STRING) || !wrapped.Empty() || len(seed) != ed25519.SeedSize ||
		!info.SkipOptionalASN1(cbasn1.Tag(0).ContextSpecific().Constructed()) ||
		!info.ReadOptionalASN1(&public, &hasPublic, cbasn1.Tag(1).ContextSpecific()) ||
		!info.Empty() {
		return nil, malformed
	}
	if !hasPublic {
		return fromSeed(seed)
	}
	// An implicitly tagged BIT STRING: its first byte counts unused bits.
	if len(public) != 1+ed25519.PublicKeySize || public[0] != 0 {
		return nil, malformed
	}
	return fromPair(seed, public[1:])
}
