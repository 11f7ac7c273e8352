// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/trust"
)

// voucher says whose signatures a role needs, and how many.
type voucher struct {
	threshold int
	keys      []usableKey
}

type usableKey struct {
	name string // the key's in the metadata, which is not to be believed
	id   string // as trust.Key.ID: hex SHA-256 of the public key, as PKIX
	key  *metadata.Key
}

// newVoucher leaves out what cannot sign here: a key that is missing, of a kind
// that is not known, or not sound. The threshold stays what it is.
func newVoucher(all map[string]*metadata.Key, names []string, threshold int) voucher {
	v := voucher{threshold: threshold}
	for _, name := range names {
		if key := all[name]; key != nil {
			if id, err := keyID(key); err == nil {
				v.keys = append(v.keys, usableKey{name, id, key})
			}
		}
	}
	return v
}

func rootVoucher(root *metadata.RootType, role string) voucher {
	r := root.Roles[role]
	return newVoucher(root.Keys, r.KeyIDs, r.Threshold)
}

// schemes are those of the specification (§4.2) that the library verifies.
var schemes = map[string][]string{
	metadata.KeyTypeEd25519:                {metadata.KeySchemeEd25519},
	metadata.KeyTypeECDSA_SHA2_P256:        {metadata.KeySchemeECDSA_SHA2_P256, metadata.KeySchemeECDSA_SHA2_P384},
	metadata.KeyTypeECDSA_SHA2_P256_COMPAT: {metadata.KeySchemeECDSA_SHA2_P256},
	metadata.KeyTypeRSASSA_PSS_SHA256:      {metadata.KeySchemeRSASSA_PSS_SHA256},
}

func keyID(key *metadata.Key) (id string, err error) {
	if !slices.Contains(schemes[key.Type], key.Scheme) {
		return "", fmt.Errorf("key of type %q with scheme %q", key.Type, key.Scheme)
	}
	err = guard(func() error {
		public, err := key.ToPublicKey()
		if err != nil {
			return err
		}
		// One of low order has signatures that nobody made (T2).
		if raw, ok := public.(ed25519.PublicKey); ok {
			if _, err := trust.NewKey(raw); err != nil {
				return err
			}
		}
		der, err := x509.MarshalPKIXPublicKey(public)
		sum := sha256.Sum256(der)
		id = hex.EncodeToString(sum[:])
		return err
	})
	return id, err
}

// verify returns the ids of the distinct keys that signed md, in order, if they
// are enough (§5.3.4 and the like).
func verify[T metadata.Roles](v voucher, role string, md *metadata.Metadata[T]) (by []string, err error) {
	if len(md.Signatures) == 0 {
		return nil, trust.ErrUnsigned
	}
	for _, k := range v.keys {
		signed := slices.ContainsFunc(md.Signatures, func(s metadata.Signature) bool { return s.KeyID == k.name })
		if signed && !slices.Contains(by, k.id) && k.signed(role, md) {
			by = append(by, k.id)
		}
	}
	slices.Sort(by)
	switch {
	case len(by) >= v.threshold && v.threshold > 0:
		return by, nil
	case len(by) == 0:
		return nil, trust.ErrSignature
	}
	return nil, fmt.Errorf("%w: %d of the %d needed", trust.ErrThreshold, len(by), v.threshold)
}

// signed asks the library about one key at a time: it fails a whole role for one
// key that it does not know, and does not say who signed.
func (k usableKey) signed(role string, md any) bool {
	delegator := metadata.Metadata[metadata.RootType]{Signed: metadata.RootType{
		Keys:  map[string]*metadata.Key{k.name: k.key},
		Roles: map[string]*metadata.Role{role: {KeyIDs: []string{k.name}, Threshold: 1}},
	}}
	return guard(func() error { return delegator.VerifyDelegate(role, md) }) == nil
}

// enough tells whether these keys would be, were they to sign today.
func (v voucher) enough(ids []string) bool {
	var count []string
	for _, k := range v.keys {
		if slices.Contains(ids, k.id) && !slices.Contains(count, k.id) {
			count = append(count, k.id)
		}
	}
	return v.threshold > 0 && len(count) >= v.threshold
}

// String is equal for the same threshold of the same keys.
func (v voucher) String() string {
	var ids []string
	for _, k := range v.keys {
		ids = append(ids, k.id)
	}
	slices.Sort(ids)
	return fmt.Sprintf("%d of %s", v.threshold, strings.Join(slices.Compact(ids), " "))
}
