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

// change adds and removes keys of one role.
func (d *Draft) change(role string, add []trust.Key, remove []string, threshold int) error {
	var keys map[string]*metadata.Key
	var ids *[]string
	var limit *int
	if role == Bins {
		s := d.targets.Signed.Delegations.SuccinctRoles
		keys, ids, limit = d.targets.Signed.Delegations.Keys, &s.KeyIDs, &s.Threshold
	} else {
		r := d.root.Signed.Roles[role]
		if r == nil {
			return fmt.Errorf("%w: there is no role %q", ErrRequest, role)
		}
		keys, ids, limit = d.root.Signed.Keys, &r.KeyIDs, &r.Threshold
	}
	for _, id := range remove {
		meant := func(x string) bool { return x == id || len(id) >= 8 && strings.HasPrefix(x, id) }
		left := slices.DeleteFunc(slices.Clone(*ids), meant)
		if len(left) != len(*ids)-1 {
			return fmt.Errorf("%w: %d keys of %s match %q", ErrRequest, len(*ids)-len(left), role, id)
		}
		*ids = left
	}
	for _, key := range add {
		if hasKey(tuf.NewKeyring(keys, *ids, 0), key) {
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
