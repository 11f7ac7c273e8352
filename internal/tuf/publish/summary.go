// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"fmt"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/tuf"
)

// Summary is what a draft says, and how that differs from what is published: what a
// key holder should read before signing.
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

// KeySummary is a key by its id in TUF metadata, and by the fingerprint that it has
// everywhere else unless it is unusable.
type KeySummary struct {
	ID          string `json:"id"`
	Fingerprint string `json:"fingerprint,omitempty"`
}

func keysOfRing(r tuf.Keyring) []KeySummary {
	out := make([]KeySummary, 0, len(r.Names))
	for _, name := range r.Names {
		k := KeySummary{ID: name}
		if at := slices.IndexFunc(r.Keys(), func(k tuf.Key) bool { return k.Name == name }); at >= 0 {
			k.Fingerprint = r.Keys()[at].ID
		}
		out = append(out, k)
	}

	return out
}

// Summary compares the draft with the newest root, or the newest targets metadata, if
// there is any.
func (s *State) Summary(d *Draft) Summary {
	if d.root != nil {
		return d.Summary(s.Authority())
	}
	out := d.Summary(nil)
	if before := s.newestTargets(); before != nil && usesBins(before) {
		role := &out.Roles[0]
		role.Changes = append(changes(binsRing(d.targets), binsRing(before)), changedValidity(role.Validity, binValidity(before))...)
		if was := 1 << before.Signed.Delegations.SuccinctRoles.BitLength; was != out.Bins {
			role.Changes = append(role.Changes, fmt.Sprintf("%d bins instead of %d", out.Bins, was))
		}
	}

	return out
}

// Summary compares a draft of a root with the root before it, unless that is nil.
func (d *Draft) Summary(present *Authority) Summary {
	out := Summary{Role: d.Role(), Version: d.Version()}
	if d.targets != nil {
		ring := binsRing(d.targets)
		out.Expires, out.Bins = d.targets.Signed.Expires, 1<<d.targets.Signed.Delegations.SuccinctRoles.BitLength
		out.Roles = []RoleSummary{{
			Role: Bins, Threshold: ring.Threshold, Keys: keysOfRing(ring), Validity: binValidity(d.targets), Changes: misnamed(ring),
		}}
		return out
	}
	out.Expires = d.root.Signed.Expires
	for _, role := range []string{Root, Targets, Snapshot, Timestamp} {
		ring := ringOf(d.root, role)
		r := RoleSummary{Role: role, Threshold: ring.Threshold, Keys: keysOfRing(ring), Validity: roleValidity(d.root, role)}
		if present == nil {
			r.Changes = misnamed(ring)
		} else {
			r.Changes = append(changes(ring, ringOf(present.root, role)), changedValidity(r.Validity, roleValidity(present.root, role))...)
		}
		out.Roles = append(out.Roles, r)
	}

	return out
}

func changedValidity(now, before time.Duration) []string {
	if now == before {
		return nil
	}

	return []string{fmt.Sprintf("valid for %s instead of %s", FormatValidity(now), FormatValidity(before))}
}

// changes compares the keys themselves: if another key has the id of an old one, that
// is a change.
func changes(now, before tuf.Keyring) []string {
	out := []string{}
	for _, id := range now.Names {
		if !slices.Contains(before.Names, id) {
			out = append(out, "new key "+id)
			if !derived(now.Listed(id), id) {
				out = append(out, notDerived(id))
			}
		} else if !sameKey(now.Listed(id), before.Listed(id)) {
			out = append(out, "another key has the id "+id)
		}
	}
	for _, id := range before.Names {
		if !slices.Contains(now.Names, id) {
			out = append(out, "no longer key "+id)
		}
	}
	if now.Threshold != before.Threshold {
		out = append(out, fmt.Sprintf("%d keys have to sign instead of %d", now.Threshold, before.Threshold))
	}

	return out
}

func sameKey(a, b *metadata.Key) bool {
	return a != nil && b != nil && a.Type == b.Type && a.Scheme == b.Scheme && a.Value.PublicKey == b.Value.PublicKey
}

// misnamed reports ids that are not derived from the key. People compare ids, and
// such a key can be anyone's.
func misnamed(r tuf.Keyring) []string {
	var out []string
	for _, id := range r.Names {
		if !derived(r.Listed(id), id) {
			out = append(out, notDerived(id))
		}
	}

	return out
}

func notDerived(id string) string { return id + " is not the id of its key" }

func derived(k *metadata.Key, id string) bool {
	if k == nil {
		return false
	}
	got, err := k.ID()

	return err == nil && got == id
}
