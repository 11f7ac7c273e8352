// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"crypto/ed25519"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

func ringOf(root *tuf.RootMeta, role string) tuf.Keyring { return tuf.RootKeyring(&root.Signed, role) }

func binsRing(t *tuf.TargetsMeta) tuf.Keyring { return tuf.BinKeyring(t.Signed.Delegations) }

// hasKey reports whether a key is one of the role's.
func hasKey(r tuf.Keyring, key trust.Key) bool {
	_, ok := r.Name(key.ID())

	return ok
}

// among returns the signers whose keys are the role's, each once.
func among(r tuf.Keyring, signers []*Signer) []*Signer {
	var out []*Signer
	for _, s := range signers {
		same := func(other *Signer) bool { return other.key == s.key }
		if hasKey(r, s.key) && !slices.ContainsFunc(out, same) {
			out = append(out, s)
		}
	}

	return out
}

// enough reports whether the signers can sign for the role.
func enough(r tuf.Keyring, signers []*Signer) bool {
	ids := make([]string, len(signers))
	for i, s := range signers {
		ids[i] = s.key.ID()
	}

	return r.Enough(ids)
}

// signedBy returns the names of the keys that signed.
func signedBy[T metadata.Roles](r tuf.Keyring, md *metadata.Metadata[T]) []string {
	names := []string{}
	for _, key := range tuf.Signers(r, md) {
		names = append(names, key.Name)
	}

	return names
}

// HasSigned reports whether a key signed the newest root or the newest targets metadata.
func (s *State) HasSigned(key trust.Key) bool {
	signed := func(r tuf.Keyring, d *Draft) bool {
		name, ok := r.Name(key.ID())
		return ok && slices.Contains(d.signedBy(r), name)
	}
	for _, root := range s.roots[max(len(s.roots)-2, 0):] {
		if signed(ringOf(root, Root), &Draft{root: s.root()}) {
			return true
		}
	}

	return s.newestTargets() != nil && s.root() != nil && signed(ringOf(s.root(), Targets), &Draft{targets: s.newestTargets()})
}

// newKey returns a key as metadata holds it, and its id there.
func newKey(key trust.Key) (*metadata.Key, string, error) {
	k, err := metadata.KeyFromPublicKey(ed25519.PublicKey(key.Bytes()))
	if err != nil {
		return nil, "", err
	}
	id, err := k.ID()

	return k, id, err
}

// KeyID returns the id of a key in TUF metadata, which is not its fingerprint.
func KeyID(key trust.Key) string {
	_, id, err := newKey(key)
	if err != nil {
		panic("tuf: go-tuf refuses an ed25519.PublicKey") // it never does
	}

	return id
}
