// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"fmt"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/trust"
)

// Summary is what a draft says, and how that differs from the present state:
// what a key holder should read before signing.
type Summary struct {
	Role    string        `json:"role"`
	Version int64         `json:"version"`
	Expires time.Time     `json:"expires"`
	Bins    int           `json:"bins,omitempty"` // of targets
	Roles   []RoleSummary `json:"roles"`
}

// RoleSummary is what a draft says of one role.
type RoleSummary struct {
	Role      string        `json:"role"`
	Threshold int           `json:"threshold"`
	Keys      []KeySummary  `json:"keys"`
	Validity  time.Duration `json:"-"`
	Changes   []string      `json:"changes,omitempty"` // in words
}

// KeySummary is a key by its id in TUF metadata and, if it is an Ed25519 key, by
// the fingerprint that it has everywhere else.
type KeySummary struct {
	ID          string `json:"id"`
	Fingerprint string `json:"fingerprint,omitempty"`
}

func (r keyring) summary() []KeySummary {
	out := make([]KeySummary, 0, len(r.ids))
	for _, id := range r.ids {
		k := KeySummary{ID: id}
		if r.keys[id] != nil {
			if key := publicKey(r.keys[id]); key != (trust.Key{}) {
				k.Fingerprint = key.ID()
			}
		}
		out = append(out, k)
	}

	return out
}

// Summary compares the draft with the present root, or targets metadata, as far
// as they are known.
func (s *State) Summary(d *Draft) Summary {
	if d.root != nil {
		return d.Summary(s.Authority())
	}
	out := d.Summary(nil)
	if before := s.delegations(); before != nil && handsToBins(s.newestTargets()) {
		sr := before.SuccinctRoles
		out.Roles[0].Changes = changes(binsRing(d.targets.Signed.Delegations), binsRing(before))
		if v := validityOf(sr.UnrecognizedFields, Bins); v != out.Roles[0].Validity {
			out.Roles[0].Changes = append(out.Roles[0].Changes, fmt.Sprintf("valid for %s instead of %s", FormatValidity(out.Roles[0].Validity), FormatValidity(v)))
		}
		if was := 1 << sr.BitLength; was != out.Bins {
			out.Roles[0].Changes = append(out.Roles[0].Changes, fmt.Sprintf("%d bins instead of %d", out.Bins, was))
		}
	}

	return out
}

// Summary compares a draft of a root with the present one, unless that is nil.
func (d *Draft) Summary(present *Authority) Summary {
	out := Summary{Role: d.Role(), Version: d.Version()}
	if d.targets != nil {
		dl := d.targets.Signed.Delegations
		out.Expires, out.Bins = d.targets.Signed.Expires, 1<<dl.SuccinctRoles.BitLength
		out.Roles = []RoleSummary{{
			Role: Bins, Threshold: dl.SuccinctRoles.Threshold, Keys: binsRing(dl).summary(),
			Validity: validityOf(dl.SuccinctRoles.UnrecognizedFields, Bins), Changes: binsRing(dl).misnamed(),
		}}
		return out
	}
	out.Expires = d.root.Signed.Expires
	for _, role := range []string{Root, Targets, Snapshot, Timestamp} {
		ring := ringOf(d.root, role)
		r := RoleSummary{Role: role, Threshold: ring.threshold, Keys: ring.summary(), Validity: roleValidity(d.root, role)}
		if present == nil {
			r.Changes = ring.misnamed()
		} else {
			r.Changes = changes(ring, ringOf(present.root, role))
			if v := roleValidity(present.root, role); v != r.Validity {
				r.Changes = append(r.Changes, fmt.Sprintf("valid for %s instead of %s", FormatValidity(r.Validity), FormatValidity(v)))
			}
		}
		out.Roles = append(out.Roles, r)
	}

	return out
}

func roleValidity(root *rootMeta, role string) time.Duration {
	return validityOf(root.Signed.Roles[role].UnrecognizedFields, role)
}

// changes compares keys by what they are: an id that stays while its key
// changes is a change.
func changes(now, before keyring) []string {
	out := []string{}
	for _, id := range now.ids {
		if !slices.Contains(before.ids, id) {
			out = append(out, "new key "+id)
			if now.keys[id] == nil || !derived(now.keys[id], id) {
				out = append(out, misnamed(id))
			}
		} else if !sameKey(now.keys[id], before.keys[id]) {
			out = append(out, "another key is called "+id)
		}
	}
	for _, id := range before.ids {
		if !slices.Contains(now.ids, id) {
			out = append(out, "no longer key "+id)
		}
	}
	if now.threshold != before.threshold {
		out = append(out, fmt.Sprintf("%d keys have to sign instead of %d", now.threshold, before.threshold))
	}

	return out
}

func sameKey(a, b *metadata.Key) bool {
	return a != nil && b != nil && a.Type == b.Type && a.Scheme == b.Scheme && a.Value.PublicKey == b.Value.PublicKey
}

// misnamed tells of ids that are not made from the key: people compare ids, and
// such a key can be anybody's.
func (r keyring) misnamed() []string {
	var out []string
	for _, id := range r.ids {
		if r.keys[id] == nil || !derived(r.keys[id], id) {
			out = append(out, misnamed(id))
		}
	}

	return out
}

func misnamed(id string) string { return id + " is not the id of its key" }

func derived(k *metadata.Key, id string) bool {
	got, err := k.ID()

	return err == nil && got == id
}
