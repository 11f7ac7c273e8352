// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/trust"
)

// Setup is what Init begins with.
type Setup struct {
	Root      []trust.Key
	Threshold int // how many of Root have to sign, 1…len(Root)

	// Of each of these one key is enough. Snapshot and Timestamp are online,
	// Release signs releases and bins, Targets is kept offline as the root keys.
	Targets, Release, Snapshot, Timestamp []trust.Key

	Bins     int // a power of two, 2…MaxBins
	Validity Validity
	Now      time.Time
}

// Init makes the drafts of the first root and the first targets metadata. It
// refuses keys that would be offline and online at once.
func Init(s Setup) (root, targets *Draft, err error) {
	b := bits.Len(uint(max(s.Bins, 0))) - 1
	if s.Bins < 2 || s.Bins > MaxBins || s.Bins != 1<<b {
		return nil, nil, fmt.Errorf("%w: %d bins, they are a power of two from 2 to %d", ErrRequest, s.Bins, MaxBins)
	}
	if s.Threshold < 1 {
		return nil, nil, fmt.Errorf("%w: %d root keys have to sign", ErrRequest, s.Threshold)
	}
	for _, role := range []string{Root, Targets, Bins, Snapshot, Timestamp} {
		if v := s.Validity.of(role); v < time.Second || v != v.Truncate(time.Second) || v > 100*365*day {
			return nil, nil, fmt.Errorf("%w: %s would be valid for %s", ErrRequest, role, v)
		}
	}
	r := metadata.Root(expiry(s.Now, s.Validity.Root))
	d := &metadata.Delegations{
		Keys: map[string]*metadata.Key{},
		SuccinctRoles: &metadata.SuccinctRoles{
			KeyIDs: []string{}, Threshold: 1, BitLength: b, NamePrefix: Bins,
		},
	}
	setValidity(&d.SuccinctRoles.UnrecognizedFields, s.Validity.Bins)
	t := metadata.Targets(expiry(s.Now, s.Validity.Targets))
	t.Signed.Delegations = d
	root, targets = &Draft{root: r}, &Draft{targets: t}
	for _, given := range []struct {
		role      string
		keys      []trust.Key
		threshold int
	}{
		{Root, s.Root, s.Threshold}, {Targets, s.Targets, 1}, {Snapshot, s.Snapshot, 1}, {Timestamp, s.Timestamp, 1}, {Bins, s.Release, 1},
	} {
		draft := root
		if given.role == Bins {
			draft = targets
		} else {
			setValidity(&r.Signed.Roles[given.role].UnrecognizedFields, s.Validity.of(given.role))
		}
		if err := draft.change(given.role, given.keys, nil, given.threshold); err != nil {
			return nil, nil, err
		}
	}

	return root, targets, separate(r, d)
}

// separate keeps keys that lie in a safe apart from those that a machine holds:
// one theft would take both.
func separate(root *rootMeta, d *metadata.Delegations) error {
	online := slices.Concat(ringOf(root, Snapshot).trusted(), ringOf(root, Timestamp).trusted())
	if d != nil && d.SuccinctRoles != nil {
		online = append(online, binsRing(d).trusted()...)
	}
	for _, role := range []string{Root, Targets} {
		for _, key := range ringOf(root, role).trusted() {
			if slices.Contains(online, key) {
				return fmt.Errorf("%w: key %s would be kept offline for %s, and be used by a machine", ErrRequest, KeyID(key), role)
			}
		}
	}

	return nil
}

// Rotation changes the keys of roles. Without a change it renews: the next
// version says the same and expires later.
type Rotation struct {
	// Roles are of the root, or Bins alone. Their keys change alike.
	Roles     []string
	Add       []trust.Key
	Remove    []string // ids, or unique beginnings of them of 8 characters or more
	Threshold int      // 0 leaves it
	Now       time.Time
}

// Rotate drafts the next version of the root, or of the targets metadata when
// the roles are the bins. A draft of that version which is there already is
// changed further; signatures on it are void then, and dropped.
func (s *State) Rotate(r Rotation) (*Draft, error) {
	draft, err := s.next(slices.Contains(r.Roles, Bins), r.Now)
	if err != nil {
		return nil, err
	}
	for _, role := range r.Roles {
		if err := draft.change(role, r.Add, r.Remove, r.Threshold); err != nil {
			return nil, err
		}
	}
	root, delegations := draft.root, s.delegations()
	if draft.targets != nil {
		root, delegations = s.root(), draft.targets.Signed.Delegations
	}

	return draft, separate(root, delegations)
}

func (s *State) next(targets bool, now time.Time) (*Draft, error) {
	if s.root() == nil {
		return nil, fmt.Errorf("%w: there is no root to start from", ErrMissing)
	}
	if !targets {
		draft := &Draft{}
		from := s.root()
		if s.RootDraft != nil {
			from = s.RootDraft.root
		}
		var err error
		if draft.root, err = clone(from); err != nil {
			return nil, err
		}
		draft.root.Signed.Version = s.root().Signed.Version + 1
		draft.root.Signed.Expires = expiry(now, validityOf(from.Signed.Roles[Root].UnrecognizedFields, Root))
		return draft, nil
	}
	from := s.newestTargets()
	if s.TargetsDraft != nil {
		from = s.TargetsDraft.targets
	}
	if from == nil {
		return nil, fmt.Errorf("%w: there is no targets metadata to start from", ErrMissing)
	}
	if !handsToBins(from) {
		return nil, fmt.Errorf("%w: targets hands nothing to bins", ErrMismatch)
	}
	meta, err := clone(from)
	if err != nil {
		return nil, err
	}
	meta.Signed.Version = s.targetsVersion() + 1
	meta.Signed.Expires = expiry(now, validityOf(s.root().Signed.Roles[Targets].UnrecognizedFields, Targets))

	return &Draft{targets: meta}, nil
}

// clone copies metadata without its signatures.
func clone[T metadata.Roles](meta *metadata.Metadata[T]) (*metadata.Metadata[T], error) {
	raw, err := meta.ToBytes(false)
	if err != nil {
		return nil, err
	}
	out, err := parse[T](raw)
	if err != nil {
		return nil, err
	}
	out.Signatures = []metadata.Signature{}

	return out, nil
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
			return fmt.Errorf("%w: %d keys of %s are called %q", ErrRequest, len(*ids)-len(left), role, id)
		}
		*ids = left
	}
	for _, key := range add {
		if _, there := (keyring{keys, *ids, 0}).id(key); there {
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
	if *limit < 1 || *limit > len(*ids) {
		return fmt.Errorf("%w: %d of %d keys for %s", ErrRequest, *limit, len(*ids), role)
	}
	d.forget()

	return nil
}

// forget drops keys that no role has any longer.
func (d *Draft) forget() {
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
