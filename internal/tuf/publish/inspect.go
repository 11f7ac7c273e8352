// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/internal/tuf/client"
)

// RoleStatus is one role as clients see it.
type RoleStatus struct {
	Role      string    `json:"role"`
	Version   int64     `json:"version"` // of the bins, the highest
	Expires   time.Time `json:"expires"` // of the bins, that of the first to expire
	Threshold int       `json:"threshold"`
	Keys      []string  `json:"keys"`   // ids
	Signed    []string  `json:"signed"` // ids; of the bins, those that signed all

	// MayBeLost is how many keys can be lost before the role cannot be signed any
	// longer. Threshold is how many have to be stolen to forge it.
	MayBeLost int `json:"may_be_lost"`

	// Due reports that less than a third of its validity is left.
	Due bool `json:"due,omitempty"`
}

// Inspection is what a client without a memory sees of a repository's metadata.
type Inspection struct {
	Roles   []RoleStatus      // those that verified: root, timestamp, snapshot, targets, bins
	Targets map[string]Target // in all bins

	// View looks up targets as a client does. It is nil if a client fails before it
	// could look for any.
	View *client.View

	// Faults are reasons for clients to refuse the repository, or a part of it, with
	// the errors of the client.
	Faults []error

	now time.Time
}

// Inspect runs the client over a repository, from a root that it trusts: trusted, or
// the oldest root there if that is nil. The oldest is listed by a [Directory]; of
// other repositories it is root 1. Inspect then looks at every bin, also at those
// that one client would not need. It returns nil if there is no metadata, and an
// error only if ctx is done.
func Inspect(ctx context.Context, files client.Fetcher, now time.Time, trusted []byte) (*Inspection, error) {
	v := &Inspection{Targets: map[string]Target{}, now: now}
	root := trusted
	var err error
	if trusted == nil {
		if root, err = oldestRoot(ctx, files); root == nil && err == nil {
			return nil, nil
		}
	} else {
		err = checkPinned(ctx, files, trusted)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		v.fault(err)
	}
	if root == nil {
		return v, nil
	}
	c := client.Client{Root: root, Now: func() time.Time { return now }}
	survey, err := c.Survey(ctx, files)
	if err != nil {
		return nil, err
	}
	v.View = survey.View
	bins, err := v.bins(ctx, survey)
	if err != nil {
		return nil, err
	}
	v.Faults = append(v.Faults, survey.Faults...)
	v.status(survey, bins)

	return v, nil
}

func (v *Inspection) fault(err error) { v.Faults = append(v.Faults, err) }

// oldestRoot returns nil if there is neither a root nor a timestamp.
func oldestRoot(ctx context.Context, files client.Fetcher) ([]byte, error) {
	version := int64(0)
	if dir, ok := files.(Directory); ok {
		names, err := dir.Names(ctx)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if v, role, ok := tuf.ParseName(name); ok && role == Root && (version == 0 || v < version) {
				version = v
			}
		}
	}
	raw, err := files.Fetch(ctx, tuf.FileName(max(version, 1), Root), tuf.MaxRoot)
	if !absent(err) {
		return raw, err
	}
	if _, terr := files.Fetch(ctx, TimestampFile, tuf.MaxTimestamp); absent(terr) {
		return nil, nil
	}

	return nil, fmt.Errorf("%s: %w", tuf.FileName(1, Root), err)
}

// absent reports that a file does not exist. An object store that we may not list
// answers 403.
func absent(err error) bool {
	return errors.Is(err, fetch.ErrNotFound) || errors.Is(err, fetch.ErrForbidden)
}

// checkPinned returns ErrPinned if the repository has another root of the version of
// the trusted one. A client that has it does not download it.
func checkPinned(ctx context.Context, files client.Fetcher, trusted []byte) error {
	known, err := tuf.Parse[metadata.RootType](trusted)
	if err != nil {
		return nil // the client says so
	}
	name := tuf.FileName(known.Signed.Version, Root)
	raw, err := files.Fetch(ctx, name, tuf.MaxRoot)
	if absent(err) {
		return nil
	}
	var there *tuf.RootMeta
	if err == nil {
		there, err = tuf.Parse[metadata.RootType](raw)
	}
	if err == nil {
		err = samePinned(there, known)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}

	return nil
}

func samePinned(root, known *tuf.RootMeta) error {
	same, err := sameSigned(root.Signed, known.Signed)
	if err == nil && !same {
		err = fmt.Errorf("%w: version %d is another", ErrPinned, known.Signed.Version)
	}

	return err
}

// bins returns the metadata of every bin, nil for one that does not verify.
func (v *Inspection) bins(ctx context.Context, s *client.Survey) (map[string]*tuf.TargetsMeta, error) {
	if s.Targets == nil || !usesBins(s.Targets) {
		return nil, nil
	}
	var roles []tuf.Delegation
	for _, name := range s.Targets.Signed.Delegations.SuccinctRoles.GetRoles() {
		roles = append(roles, tuf.Delegation{Role: name, Keys: binsRing(s.Targets)})
	}
	found, err := s.Walk(ctx, roles)
	if err != nil {
		return nil, err
	}
	bins := map[string]*tuf.TargetsMeta{}
	for i, role := range roles {
		if found[i] != nil {
			bins[role.Role] = found[i]
		}
	}

	return bins, nil
}

func (v *Inspection) status(s *client.Survey, bins map[string]*tuf.TargetsMeta) {
	if s.Root == nil {
		return
	}
	addStatus(v, Root, s.Root, s.Root)
	if s.Timestamp != nil {
		addStatus(v, Timestamp, s.Root, s.Timestamp)
	}
	if s.Snapshot != nil {
		addStatus(v, Snapshot, s.Root, s.Snapshot)
	}
	if s.Targets == nil {
		return
	}
	addStatus(v, Targets, s.Root, s.Targets)
	if err := checkUsesBins(s.Targets); err != nil {
		v.fault(err)
		return
	}
	v.binStatus(s.Targets, bins)
}

func addStatus[T metadata.Roles](v *Inspection, role string, root *tuf.RootMeta, md *metadata.Metadata[T]) {
	ring := ringOf(root, role)
	v.Roles = append(v.Roles, RoleStatus{
		Role: role, Version: tuf.Version(md), Expires: tuf.Expires(md), Threshold: ring.Threshold, Keys: ring.Names,
		Signed: signedBy(ring, md), MayBeLost: len(ring.Names) - ring.Threshold, Due: due(tuf.Expires(md), roleValidity(root, role), v.now),
	})
	if err := checkPortable(md); err != nil {
		v.fault(fmt.Errorf("%s: %w", role, err))
	}
}

func (v *Inspection) binStatus(targets *tuf.TargetsMeta, bins map[string]*tuf.TargetsMeta) {
	ring := binsRing(targets)
	status := RoleStatus{Role: Bins, Threshold: ring.Threshold, Keys: ring.Names, MayBeLost: len(ring.Names) - ring.Threshold, Signed: slices.Clone(ring.Names)}
	for _, role := range slices.Sorted(maps.Keys(bins)) {
		bin := bins[role]
		if err := checkBin(role, bin, targets); err != nil {
			v.fault(fmt.Errorf("%s: %w", role, err))
			continue
		}
		if err := checkPortable(bin); err != nil {
			v.fault(fmt.Errorf("%s: %w", role, err))
		}
		status.Version = max(status.Version, bin.Signed.Version)
		if status.Expires.IsZero() || bin.Signed.Expires.Before(status.Expires) {
			status.Expires = bin.Signed.Expires
		}
		signed := signedBy(ring, bin)
		status.Signed = slices.DeleteFunc(status.Signed, func(id string) bool { return !slices.Contains(signed, id) })
		maps.Copy(v.Targets, targetsIn(bin))
	}
	status.Due = due(status.Expires, binValidity(targets), v.now)
	v.Roles = append(v.Roles, status)
}
