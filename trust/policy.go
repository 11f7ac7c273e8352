// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/choria-io/go-updater/internal/jcs"
)

// Policy says which keys are trusted, and how many of them must have signed. The
// zero Policy trusts no key.
type Policy struct {
	threshold int
	keys      []Key
}

// NewPolicy returns the policy that threshold of these keys must have signed. It
// returns [ErrBadPolicy] for a threshold outside 1…len(keys), more than [MaxKeys]
// keys and a key given twice, and [ErrBadKey] for the zero Key.
func NewPolicy(threshold int, keys ...Key) (*Policy, error) {
	if len(keys) > MaxKeys {
		return nil, fmt.Errorf("%w: %d keys, the limit is %d", ErrBadPolicy, len(keys), MaxKeys)
	}
	if threshold < 1 || threshold > len(keys) {
		return nil, fmt.Errorf("%w: a threshold of %d with %d keys", ErrBadPolicy, threshold, len(keys))
	}
	for i, k := range keys {
		if _, err := NewKey(k.raw[:]); err != nil {
			return nil, err
		}
		if slices.Contains(keys[:i], k) {
			return nil, fmt.Errorf("%w: key %s is given twice", ErrBadPolicy, k.ID())
		}
	}
	return &Policy{threshold: threshold, keys: slices.Clone(keys)}, nil
}

// ID returns a name of the policy, in hex: the same for the same threshold and the
// same keys, in any order. What a client remembers belongs to one ID, so that a
// change of keys starts a new memory.
func (p *Policy) ID() string {
	ids := make([]string, 0, len(p.keys))
	for _, k := range p.keys {
		ids = append(ids, k.ID())
	}
	slices.Sort(ids)
	sum := sha256.Sum256(fmt.Appendf(nil, "%d of %s", p.threshold, strings.Join(ids, " ")))
	return hex.EncodeToString(sum[:])
}

// verify returns the ids of the trusted keys that signed a document, each once.
func (p *Policy) verify(doc jcs.Object, signed []byte) ([]string, error) {
	found, err := signatures(doc)
	if err != nil {
		return nil, err
	}
	return p.signers(signed, found)
}

// signers returns the ids of the trusted keys that signed message, each once.
func (p *Policy) signers(message []byte, signatures []signature) ([]string, error) {
	if p == nil || p.threshold < 1 {
		return nil, fmt.Errorf("%w: no key is trusted", ErrBadPolicy)
	}
	if len(signatures) == 0 {
		return nil, ErrUnsigned
	}
	by := make([]string, len(signatures)) // by[i] is the trusted key that made signatures[i], or ""
	for i, s := range signatures {
		for _, k := range p.keys {
			if s.keyID != k.ID() {
				continue
			}
			if !k.verify(message, s.raw) {
				return nil, fmt.Errorf("%w: the cosignature by trusted key %s is not valid", ErrSignature, s.keyID)
			}
			by[i] = s.keyID
		}
	}
	// The signature that names no key may be of any.
	for i, s := range signatures {
		for _, k := range p.keys {
			if s.keyID == "" && by[i] == "" && k.verify(message, s.raw) {
				by[i] = k.ID()
			}
		}
	}
	var signed []string
	for _, id := range by {
		if id != "" && !slices.Contains(signed, id) {
			signed = append(signed, id)
		}
	}
	if len(signed) == 0 {
		return nil, ErrSignature
	}
	if len(signed) < p.threshold {
		return nil, fmt.Errorf("%w: %d of %d", ErrThreshold, len(signed), p.threshold)
	}
	return signed, nil
}
