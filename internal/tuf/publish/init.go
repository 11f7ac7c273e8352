// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// Setup is what the first metadata says.
type Setup struct {
	Root      []trust.Key
	Threshold int // how many of Root have to sign, 1…len(Root)

	// One key of each of these is enough. Snapshot and Timestamp are online, Release
	// signs releases and bins, Targets is kept offline like the root keys.
	Targets, Release, Snapshot, Timestamp []trust.Key

	Bins     int // a power of two, 2…MaxBins
	Validity Validity
	Now      time.Time
}

// Init makes the drafts of the first root and the first targets metadata. It returns
// ErrRequest for a key that would be kept offline and used online.
func Init(s Setup) (root, targets *Draft, err error) {
	b := bits.Len(uint(max(s.Bins, 0))) - 1
	if s.Bins < 2 || s.Bins > MaxBins || s.Bins != 1<<b {
		return nil, nil, fmt.Errorf("%w: %d bins; use a power of two from 2 to %d", ErrRequest, s.Bins, MaxBins)
	}
	if s.Threshold < 1 {
		return nil, nil, fmt.Errorf("%w: a threshold of %d root keys; at least one has to sign", ErrRequest, s.Threshold)
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

	return root, targets, checkSeparate(r, t)
}

// checkSeparate refuses a key that would be kept offline and also be used by a
// machine: one theft would take both (T37). targets may be nil.
func checkSeparate(root *tuf.RootMeta, targets *tuf.TargetsMeta) error {
	online := slices.Concat(ringOf(root, Snapshot).Keys(), ringOf(root, Timestamp).Keys())
	if targets != nil && targets.Signed.Delegations != nil && targets.Signed.Delegations.SuccinctRoles != nil {
		online = append(online, binsRing(targets).Keys()...)
	}
	for _, role := range []string{Root, Targets} {
		for _, key := range ringOf(root, role).Keys() {
			if slices.ContainsFunc(online, func(k tuf.Key) bool { return k.ID == key.ID }) {
				return fmt.Errorf("%w: key %s would be kept offline for %s, and be used by a machine", ErrRequest, key.Name, role)
			}
		}
	}

	return nil
}
