// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

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

// Keyring is the keys that may sign a role, and how many of them have to.
type Keyring struct {
	Threshold int
	Names     []string // as the metadata lists them, those of unusable keys too

	listed map[string]*metadata.Key
	usable []Key
}

// Key is a key whose signatures can be verified.
type Key struct {
	// Name is the id of the key in the metadata. The author of the metadata chose
	// it: it need not be derived from the key, and one key may have several.
	Name string

	// ID is the SHA-256 of the key itself, in hex, as of [trust.Key.ID].
	ID string

	key *metadata.Key
}

// NewKeyring returns the keyring of names. A key that is missing, of an unknown
// kind or not sound is left out of those that count; the threshold stays.
func NewKeyring(all map[string]*metadata.Key, names []string, threshold int) Keyring {
	r := Keyring{Threshold: threshold, Names: names, listed: all}
	for _, name := range names {
		if key := all[name]; key != nil {
			if id, err := keyID(key); err == nil {
				r.usable = append(r.usable, Key{name, id, key})
			}
		}
	}
	return r
}

// RootKeyring returns the keyring of a top-level role.
func RootKeyring(root *metadata.RootType, role string) Keyring {
	r := root.Roles[role]
	return NewKeyring(root.Keys, r.KeyIDs, r.Threshold)
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
		// A key of low order verifies signatures that were never made (T2).
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

// Keys returns the keys that count.
func (r Keyring) Keys() []Key { return slices.Clone(r.usable) }

// Listed returns the key of a name as the metadata has it, or nil.
func (r Keyring) Listed(name string) *metadata.Key { return r.listed[name] }

// Name returns the name of the key with an ID.
func (r Keyring) Name(id string) (name string, ok bool) {
	i := slices.IndexFunc(r.usable, func(k Key) bool { return k.ID == id })
	if i < 0 {
		return "", false
	}
	return r.usable[i].Name, true
}

// Signers returns the distinct keys of r that signed md, in the order of r.
func Signers[T metadata.Roles](r Keyring, md *metadata.Metadata[T]) (signers []Key) {
	for _, k := range r.usable {
		named := slices.ContainsFunc(md.Signatures, func(s metadata.Signature) bool { return s.KeyID == k.Name })
		counted := slices.ContainsFunc(signers, func(s Key) bool { return s.ID == k.ID })
		if named && !counted && k.signed(md) {
			signers = append(signers, k)
		}
	}
	return signers
}

// signed asks the library about one key at a time. It refuses a whole role for one
// unknown key, and does not say who signed.
func (k Key) signed(md any) bool {
	const role = "any"
	delegator := RootMeta{Signed: metadata.RootType{
		Keys:  map[string]*metadata.Key{k.Name: k.key},
		Roles: map[string]*metadata.Role{role: {KeyIDs: []string{k.Name}, Threshold: 1}},
	}}
	return guard(func() error { return delegator.VerifyDelegate(role, md) }) == nil
}

// Verify returns the IDs of the distinct keys that signed md, sorted, if they are
// enough (§5.3.4 and the like). Otherwise it returns trust.ErrUnsigned,
// trust.ErrSignature or trust.ErrThreshold.
func Verify[T metadata.Roles](r Keyring, md *metadata.Metadata[T]) (by []string, err error) {
	if len(md.Signatures) == 0 {
		return nil, trust.ErrUnsigned
	}
	for _, k := range Signers(r, md) {
		by = append(by, k.ID)
	}
	slices.Sort(by)
	switch {
	case len(by) >= r.Threshold && r.Threshold > 0:
		return by, nil
	case len(by) == 0:
		return nil, trust.ErrSignature
	}
	return nil, fmt.Errorf("%w: %d of the %d needed", trust.ErrThreshold, len(by), r.Threshold)
}

// Enough reports whether signatures by the keys with these IDs would be enough.
func (r Keyring) Enough(ids []string) bool {
	var count []string
	for _, k := range r.usable {
		if slices.Contains(ids, k.ID) && !slices.Contains(count, k.ID) {
			count = append(count, k.ID)
		}
	}
	return r.Threshold > 0 && len(count) >= r.Threshold
}

// String returns the threshold and the IDs of the keys. Equal keyrings have equal
// strings, whatever the names of the keys.
func (r Keyring) String() string {
	var ids []string
	for _, k := range r.usable {
		ids = append(ids, k.ID)
	}
	slices.Sort(ids)
	return fmt.Sprintf("%d of %s", r.Threshold, strings.Join(slices.Compact(ids), " "))
}
