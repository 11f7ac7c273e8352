// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/ed25519"
	"fmt"
	"maps"
	"strings"

	"github.com/choria-io/go-updater/internal/jcs"
)

// ReleaseType is the DSSE payload type of a release document.
const ReleaseType = "application/vnd.choria.update.release+json"

// MaxDocument is the size limit of a document, in bytes.
const MaxDocument = 64 << 10

// MaxSignatures is the number of signatures that one document may have.
const MaxSignatures = 16

// SignedBytes returns the bytes that a signature of a document covers: the PAE
// (DSSE v1) of the payload type and of the canonical form of the document without
// "signature" and "cosignatures". It returns [ErrMalformed] for what is not strict
// JSON. It does not check fields, so that a signer can use it on documents newer
// than itself.
func SignedBytes(payloadType string, document []byte) ([]byte, error) {
	doc, err := parse(document)
	if err != nil {
		return nil, err
	}
	signed, _ := signedBytes(payloadType, doc)
	return signed, nil
}

// parse reads a document as strict JSON.
func parse(document []byte) (jcs.Object, error) {
	if len(document) > MaxDocument {
		return nil, fmt.Errorf("%w: larger than the limit of %d bytes", ErrMalformed, MaxDocument)
	}
	doc, err := jcs.Parse(document)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return doc, nil
}

// pae is the pre-authentication encoding of DSSE v1. Each part follows its length,
// so that no two pairs have the same encoding.
func pae(payloadType string, body []byte) []byte {
	out := fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(body))
	return append(out, body...)
}

// signedBytes returns what a signature of a document covers, and the canonical
// document in it. Signer and verifier both call it.
func signedBytes(payloadType string, doc jcs.Object) (signed, body []byte) {
	covered := maps.Clone(doc)
	delete(covered, "signature")
	delete(covered, "cosignatures")
	body = jcs.Format(covered)
	return pae(payloadType, body), body
}

// signature is a signature in a document. keyID is empty for the member
// "signature", which may be of any key.
type signature struct {
	keyID string
	raw   []byte
}

// signatures returns the signatures of a document. It refuses anything else in the
// two members that no signature covers: unsigned bytes must have no room.
func signatures(doc jcs.Object) ([]signature, error) {
	var found []signature
	// Publishers of v0.1.0 wrote an empty signature.
	if s, present := doc["signature"]; present && s != "" {
		raw, err := parseSignature(s)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", "signature", err)
		}
		found = append(found, signature{raw: raw})
	}
	co, present := doc["cosignatures"]
	if !present {
		return found, nil
	}
	items, ok := co.([]any)
	if !ok || len(found)+len(items) > MaxSignatures {
		return nil, fmt.Errorf("%w: field %q is not an array, or there are more than %d signatures", ErrMalformed, "cosignatures", MaxSignatures)
	}
	for i, item := range items {
		entry, _ := item.(jcs.Object)
		id, _ := entry["key"].(string)
		if len(entry) != 2 || !isHash(id) {
			return nil, fmt.Errorf("%w: cosignature %d is not a key id and a signature", ErrMalformed, i)
		}
		raw, err := parseSignature(entry["signature"])
		if err != nil {
			return nil, fmt.Errorf("cosignature %d: %w", i, err)
		}
		found = append(found, signature{keyID: id, raw: raw})
	}
	return found, nil
}

func parseSignature(v any) ([]byte, error) {
	text, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("%w: a signature is a string", ErrMalformed)
	}
	raw, err := strictBase64(text, ed25519.SignatureSize)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return raw, nil
}

// isHash reports whether s is a SHA-256 in 64 lower-case hex digits.
func isHash(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
