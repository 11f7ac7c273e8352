// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// RoleStatus is one role as clients see it.
type RoleStatus struct {
	Role      string    `json:"role"`
	Version   int64     `json:"version"`
	Expires   time.Time `json:"expires"` // of the bins, that of the first to expire
	Threshold int       `json:"threshold"`
	Keys      []string  `json:"keys"`   // ids
	Signed    []string  `json:"signed"` // ids; of the bins, those that signed all

	// MayBeLost is how many keys can be lost before the role cannot be signed
	// any longer. Threshold is how many have to be stolen to forge it.
	MayBeLost int `json:"may_be_lost"`

	// Due reports that less than a third of its life is left.
	Due bool `json:"due,omitempty"`
}

// View is what a client sees that has seen nothing before.
type View struct {
	Roles   []RoleStatus
	Targets map[string]Target

	// Faults are reasons for clients to refuse the repository, or a part of it.
	Faults []error
}

// checkers is how many bins are read at a time: they may be far away.
const checkers = 8

// Check follows the metadata from the oldest root to every bin, as a client
// does (specification §5), without stopping at what a client would not need. It
// returns nil when there is no root.
func Check(ctx context.Context, files Files, now time.Time, o Options) (*View, error) {
	v := &View{Targets: map[string]Target{}}
	root, err := v.root(ctx, files, o)
	if err != nil || root == nil {
		return nil, err
	}
	v.add(Root, ringOf(root, Root), root, validityOf(root.Signed.Roles[Root].UnrecognizedFields, Root), now)
	if err := v.follow(ctx, files, root, now); err != nil {
		if cerr := ctx.Err(); cerr != nil {
			return nil, cerr
		}
		v.Faults = append(v.Faults, err)
	}

	return v, nil
}

// root finds the newest of a chain that begins with version 1, or at what the
// caller trusts: a listing is not to be had from every server.
func (v *View) root(ctx context.Context, files Files, o Options) (*rootMeta, error) {
	first := int64(1)
	if o.Trusted != nil {
		known, err := parse[metadata.RootType](o.Trusted)
		if err != nil {
			return nil, fmt.Errorf("the trusted root: %w", err)
		}
		first = known.Signed.Version
	}
	var roots []*rootMeta
	for version := first; ; version++ {
		raw, err := files.Read(ctx, fileName(version, Root))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		var before *rootMeta
		if len(roots) > 0 {
			before = roots[len(roots)-1]
		}
		root, err := nextRoot(raw, version, before)
		if err != nil {
			return nil, err
		}
		roots = append(roots, root)
	}
	if len(roots) == 0 {
		return nil, pinned(nil, o.Trusted)
	}

	return roots[len(roots)-1], pinned(roots, o.Trusted)
}

// checked reads a file and verifies it.
func checked[T, D metadata.Roles](ctx context.Context, files Files, name, role string, version int64, by *metadata.Metadata[D]) (*metadata.Metadata[T], error) {
	raw, err := read(ctx, files, name)
	if err != nil {
		return nil, err
	}
	meta, err := parse[T](raw)
	if err == nil && version != 0 && headerOf(meta).version != version {
		err = fmt.Errorf("%w: it is version %d", ErrMismatch, headerOf(meta).version)
	}
	if err == nil {
		err = verify(by, role, meta)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}

	return meta, nil
}

// follow goes down from the root. What is wrong with a single bin is noted; an
// error means that nothing below it could be looked at.
func (v *View) follow(ctx context.Context, files Files, root *rootMeta, now time.Time) error {
	top := func(role string, meta any) {
		v.add(role, ringOf(root, role), meta, validityOf(root.Signed.Roles[role].UnrecognizedFields, role), now)
	}
	timestamp, err := checked[metadata.TimestampType](ctx, files, TimestampFile, Timestamp, 0, root)
	if err != nil {
		return err
	}
	top(Timestamp, timestamp)
	named := timestamp.Signed.Meta["snapshot.json"]
	name := fileName(named.Version, Snapshot)
	raw, err := read(ctx, files, name)
	if err != nil {
		return err
	}
	if err := mismatch(named.VerifyLengthHashes(raw)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	snapshot, err := checked[metadata.SnapshotType](ctx, files, name, Snapshot, named.Version, root)
	if err != nil {
		return err
	}
	top(Snapshot, snapshot)
	version := snapshot.Signed.Meta["targets.json"].Version
	targets, err := checked[metadata.TargetsType](ctx, files, fileName(version, Targets), Targets, version, root)
	if err != nil {
		return err
	}
	top(Targets, targets)
	if !handsToBins(targets) {
		return fmt.Errorf("%w: %s hands releases to others than bins", ErrMismatch, fileName(version, Targets))
	}

	return v.bins(ctx, files, snapshot, targets, now)
}

func (v *View) bins(ctx context.Context, files Files, snapshot *snapshotMeta, targets *targetsMeta, now time.Time) error {
	ring := binsRing(targets.Signed.Delegations)
	roles := targets.Signed.Delegations.SuccinctRoles.GetRoles()
	metas, errs := make([]*targetsMeta, len(roles)), make([]error, len(roles))
	var wg sync.WaitGroup
	for worker := range checkers {
		wg.Go(func() {
			for i := worker; i < len(roles) && ctx.Err() == nil; i += checkers {
				metas[i], errs[i] = checkedBin(ctx, files, roles[i], snapshot, targets)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}

	status := RoleStatus{Role: Bins, Threshold: ring.threshold, Keys: ring.ids, MayBeLost: len(ring.ids) - ring.threshold, Signed: slices.Clone(ring.ids)}
	for i, meta := range metas {
		if errs[i] != nil {
			v.Faults = append(v.Faults, errs[i])
			continue
		}
		status.Version = max(status.Version, meta.Signed.Version)
		if status.Expires.IsZero() || meta.Signed.Expires.Before(status.Expires) {
			status.Expires = meta.Signed.Expires
		}
		signed := ring.signers(meta.Signed, meta.Signatures)
		status.Signed = slices.DeleteFunc(status.Signed, func(id string) bool { return !slices.Contains(signed, id) })
		if !now.Before(meta.Signed.Expires) {
			v.Faults = append(v.Faults, expired(roles[i], meta.Signed.Expires))
		}
		maps.Copy(v.Targets, targetsIn(meta))
	}
	status.Due = due(status.Expires, validityOf(targets.Signed.Delegations.SuccinctRoles.UnrecognizedFields, Bins), now)
	v.Roles = append(v.Roles, status)

	return nil
}

func checkedBin(ctx context.Context, files Files, role string, snapshot *snapshotMeta, targets *targetsMeta) (*targetsMeta, error) {
	f := snapshot.Signed.Meta[role+".json"]
	if f == nil {
		return nil, fmt.Errorf("%w: the snapshot does not name %s", ErrMissing, role)
	}
	name := fileName(f.Version, role)
	meta, err := checked[metadata.TargetsType](ctx, files, name, role, f.Version, targets)
	if err != nil {
		return nil, err
	}
	if err := soundBin(role, meta, targets); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}

	return meta, nil
}

func (v *View) add(role string, r keyring, meta any, validity time.Duration, now time.Time) {
	h := headerOf(meta)
	v.Roles = append(v.Roles, RoleStatus{
		Role: role, Version: h.version, Expires: h.expires, Threshold: r.threshold, Keys: r.ids,
		Signed: r.signers(bodyOf(meta)), MayBeLost: len(r.ids) - r.threshold, Due: due(h.expires, validity, now),
	})
	if !now.Before(h.expires) {
		v.Faults = append(v.Faults, expired(role, h.expires))
	}
}

func expired(role string, at time.Time) error {
	return fmt.Errorf("%w: %s at %s", ErrExpired, role, at.Format(time.RFC3339))
}

func bodyOf(meta any) (any, []metadata.Signature) {
	switch m := meta.(type) {
	case *rootMeta:
		return m.Signed, m.Signatures
	case *targetsMeta:
		return m.Signed, m.Signatures
	case *snapshotMeta:
		return m.Signed, m.Signatures
	case *timestampMeta:
		return m.Signed, m.Signatures
	}

	return nil, nil
}
