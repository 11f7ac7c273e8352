// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// Rotation is a change of the keys of roles. Without a change it is a renewal: the
// next version says the same and expires later.
type Rotation struct {
	// Roles are top-level roles, or Bins alone. The keys of all change alike.
	Roles     []string
	Add       []trust.Key
	Remove    []string // ids, or unique prefixes of ids of 8 characters or more
	Threshold int      // 0 does not change it
	Now       time.Time
}

// Rotate drafts the next version of the root, or of the targets metadata if the role
// is Bins. If there is a draft already, it is changed further and loses its
// signatures.
func (s *State) Rotate(r Rotation) (*Draft, error) {
	next := s.nextRoot
	if slices.Contains(r.Roles, Bins) {
		next = s.nextTargets
	}
	draft, err := next(r.Now)
	if err != nil {
		return nil, err
	}
	for _, role := range r.Roles {
		if err := draft.change(role, r.Add, r.Remove, r.Threshold); err != nil {
			return nil, err
		}
	}
	root, targets := draft.root, s.newestTargets()
	if draft.targets != nil {
		root, targets = s.root(), draft.targets
	}

	return draft, checkSeparate(root, targets)
}

// Unread returns ErrDraft if a draft is not what this change of what is published makes. A
// draft that was found in the repository may be anybody's: its keys are signed only by a
// person who has read it.
func (s *State) Unread(d *Draft, r Rotation) error {
	published := *s
	published.RootDraft, published.TargetsDraft = nil, nil
	alone, err := published.Rotate(r)
	if err == nil && d.Repeats(alone, r.Now) {
		return nil
	}

	return fmt.Errorf("%w: %s was there, and is not what this change makes: read and sign it with update-repo tuf sign", ErrDraft, d.Name())
}

func (s *State) nextRoot(now time.Time) (*Draft, error) {
	if s.root() == nil {
		return nil, fmt.Errorf("%w: there is no root to start from", ErrMissing)
	}
	from := s.root()
	if s.RootDraft != nil {
		from = s.RootDraft.root
	}
	root, err := clone(from)
	if err != nil {
		return nil, err
	}
	root.Signed.Version = s.root().Signed.Version + 1
	root.Signed.Expires = expiry(now, roleValidity(from, Root))

	return &Draft{root: root}, nil
}

func (s *State) nextTargets(now time.Time) (*Draft, error) {
	if s.root() == nil {
		return nil, fmt.Errorf("%w: there is no root to start from", ErrMissing)
	}
	from := s.newestTargets()
	if s.TargetsDraft != nil {
		from = s.TargetsDraft.targets
	}
	if from == nil {
		return nil, fmt.Errorf("%w: there is no targets metadata to start from", ErrMissing)
	}
	if err := checkUsesBins(from); err != nil {
		return nil, err
	}
	targets, err := clone(from)
	if err != nil {
		return nil, err
	}
	targets.Signed.Version = s.targetsVersion() + 1
	targets.Signed.Expires = expiry(now, roleValidity(s.root(), Targets))

	return &Draft{targets: targets}, nil
}

// Rotated reports whether a change of keys was made before: by the draft, which it
// returns, or by what is published, if draft is nil. A renewal changes no keys, and can
// always be made again.
func (s *State) Rotated(r Rotation) (draft *Draft, again bool) {
	now, before := &Draft{}, &Draft{}
	if slices.Contains(r.Roles, Bins) {
		draft = s.TargetsDraft
		now.targets, before.targets = lastTwo(s.targets, true)
	} else {
		draft = s.RootDraft
		now.root, before.root = lastTwo(s.roots, false)
	}
	if draft != nil {
		if due(draft.expires(), s.validity(draft.Role()), r.Now) {
			return nil, false
		}
		now, before = draft, now
	}
	for _, role := range r.Roles {
		if !r.changed(before.role(role), now.role(role)) {
			return nil, false
		}
	}

	return draft, len(r.Roles) > 0
}

// lastTwo returns the two newest of a list, or nil.
func lastTwo[T any](all []*T, newestFirst bool) (now, before *T) {
	if !newestFirst {
		all = slices.Clone(all)
		slices.Reverse(all)
	}
	if len(all) < 2 {
		all = append(slices.Clone(all), nil, nil)
	}

	return all[0], all[1]
}

// changed reports whether these keys of a role became those by the change.
func (r Rotation) changed(before, now *roleKeys) bool {
	if before == nil || now == nil || len(r.Add)+len(r.Remove) == 0 && (r.Threshold == 0 || *before.threshold == r.Threshold) {
		return false
	}
	for _, key := range r.Add {
		if before.has(key) || !now.has(key) {
			return false
		}
	}
	for _, id := range r.Remove {
		if before.matching(id) != 1 || now.matching(id) != 0 {
			return false
		}
	}

	return r.Threshold == 0 || *now.threshold == r.Threshold
}

// roleKeys is the keys of one role in a draft, which can be changed there.
type roleKeys struct {
	keys      map[string]*metadata.Key
	ids       *[]string
	threshold *int
}

// role returns nil if the draft has no such role.
func (d *Draft) role(role string) *roleKeys {
	switch {
	case d.targets != nil && role == Bins && d.targets.Signed.Delegations != nil && d.targets.Signed.Delegations.SuccinctRoles != nil:
		s := d.targets.Signed.Delegations.SuccinctRoles
		return &roleKeys{d.targets.Signed.Delegations.Keys, &s.KeyIDs, &s.Threshold}
	case d.root != nil && d.root.Signed.Roles[role] != nil:
		r := d.root.Signed.Roles[role]
		return &roleKeys{d.root.Signed.Keys, &r.KeyIDs, &r.Threshold}
	}

	return nil
}

func (k *roleKeys) has(key trust.Key) bool {
	return hasKey(tuf.NewKeyring(k.keys, *k.ids, 0), key)
}

// isMeant reports whether a person means a key by an id, which may be the start of it.
func isMeant(key, id string) bool { return key == id || len(id) >= 8 && strings.HasPrefix(key, id) }

// matching returns how many keys are meant by an id.
func (k *roleKeys) matching(id string) (n int) {
	for _, key := range *k.ids {
		if isMeant(key, id) {
			n++
		}
	}

	return n
}

// change adds and removes keys of one role.
func (d *Draft) change(role string, add []trust.Key, remove []string, threshold int) error {
	k := d.role(role)
	if k == nil {
		return fmt.Errorf("%w: there is no role %q", ErrRequest, role)
	}
	keys, ids, limit := k.keys, k.ids, k.threshold
	for _, id := range remove {
		if n := k.matching(id); n != 1 {
			return fmt.Errorf("%w: %d keys of %s match %q", ErrRequest, n, role, id)
		}
		*ids = slices.DeleteFunc(slices.Clone(*ids), func(key string) bool { return isMeant(key, id) })
	}
	for _, key := range add {
		if k.has(key) {
			return fmt.Errorf("%w: %s has the key %s already", ErrRequest, role, KeyID(key))
		}
		k, id, err := newKey(key)
		if err != nil {
			return err
		}
		keys[id] = k
		*ids = append(*ids, id)
	}
	if threshold != 0 {
		*limit = threshold
	}
	if *limit < 1 || *limit > len(*ids) || len(*ids) > tuf.MaxKeys {
		return fmt.Errorf("%w: %d of %d keys for %s; a role has at most %d", ErrRequest, *limit, len(*ids), role, tuf.MaxKeys)
	}
	d.dropUnused()

	return nil
}

// dropUnused removes keys that no role has any longer.
func (d *Draft) dropUnused() {
	if d.targets != nil {
		dl := d.targets.Signed.Delegations
		for id := range dl.Keys {
			if !slices.Contains(dl.SuccinctRoles.KeyIDs, id) {
				delete(dl.Keys, id)
			}
		}
		return
	}
	for id := range d.root.Signed.Keys {
		used := false
		for _, role := range d.root.Signed.Roles {
			used = used || slices.Contains(role.KeyIDs, id)
		}
		if !used {
			delete(d.root.Signed.Keys, id)
		}
	}
}
