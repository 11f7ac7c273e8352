// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/trust"
)

// updateTimestamp is §5.4.
func (r *run) updateTimestamp(ctx context.Context) error {
	_, old, oldBy, state, err := stored[metadata.TimestampType](r, metadata.TIMESTAMP, MaxTimestamp)
	if err != nil {
		return err
	}
	voucher := rootVoucher(r.root, metadata.TIMESTAMP)
	if old != nil {
		r.floors.raiseStamp(voucher, &old.Signed, oldBy)
	}
	if r.fetcher == nil {
		if old == nil {
			return errUnstored(metadata.TIMESTAMP, state)
		}
		return r.acceptTimestamp(voucher, old, oldBy)
	}
	data, err := r.fetch(ctx, roleFile(metadata.TIMESTAMP), MaxTimestamp)
	if err != nil {
		return err
	}
	next, err := parse[metadata.TimestampType](data)
	if err != nil {
		return fmt.Errorf("timestamp.json: %w", err)
	}
	by, err := verify(voucher, metadata.TIMESTAMP, next)
	if err != nil {
		return fmt.Errorf("timestamp.json: %w", err)
	}
	// Of one version there is one timestamp: the one that was there first (§5.4.3.1).
	if old != nil && next.Signed.Version == old.Signed.Version {
		return r.acceptTimestamp(voucher, old, oldBy)
	}
	if err := r.acceptTimestamp(voucher, next, by); err != nil {
		return err
	}
	return r.write(roleFile(metadata.TIMESTAMP), data)
}

func (r *run) acceptTimestamp(voucher voucher, md *metadata.Metadata[metadata.TimestampType], by []string) error {
	stamp, f := &md.Signed, r.floors
	snapshot := snapshotOf(stamp).Version
	if voucher.enough(f.timestamp.by) && stamp.Version < f.timestamp.version {
		return fmt.Errorf("%w: the repository has timestamp %d, %d was accepted before", trust.ErrRollback, stamp.Version, f.timestamp.version)
	}
	if voucher.enough(f.snapshot.by) && snapshot < f.snapshot.version {
		return fmt.Errorf("%w: timestamp %d names snapshot %d, %d was accepted before", trust.ErrRollback, stamp.Version, snapshot, f.snapshot.version)
	}
	if err := r.checkExpiry("timestamp", stamp.Expires); err != nil {
		return err
	}
	f.raiseStamp(voucher, stamp, by)
	r.stamp = stamp
	return r.saveFloors()
}

// raiseStamp lets a timestamp be the floor, unless there is a higher one that
// stands.
func (f *floors) raiseStamp(voucher voucher, stamp *metadata.TimestampType, by []string) {
	for _, next := range []struct {
		floor   *floor
		version int64
	}{{&f.timestamp, stamp.Version}, {&f.snapshot, snapshotOf(stamp).Version}} {
		if next.version >= next.floor.version || !voucher.enough(next.floor.by) {
			*next.floor = floor{next.version, by}
		}
	}
}

func snapshotOf(stamp *metadata.TimestampType) *metadata.MetaFiles {
	return stamp.Meta["snapshot.json"]
}

// updateSnapshot is §5.5.
func (r *run) updateSnapshot(ctx context.Context) error {
	data, old, by, state, err := stored[metadata.SnapshotType](r, metadata.SNAPSHOT, MaxSnapshot)
	if err != nil {
		return err
	}
	want, voucher := snapshotOf(r.stamp), rootVoucher(r.root, metadata.SNAPSHOT)
	if old != nil && old.Signed.Version == want.Version && matches(want, data) == nil {
		return r.acceptSnapshot(voucher, old, by)
	}
	if r.fetcher == nil && old == nil {
		return errUnstored(metadata.SNAPSHOT, state)
	}
	name := r.fileName(metadata.SNAPSHOT, want.Version)
	if data, err = r.fetchMeta(ctx, name, want, MaxSnapshot); err != nil {
		return err
	}
	next, err := parse[metadata.SnapshotType](data)
	if err == nil {
		by, err = verify(voucher, metadata.SNAPSHOT, next)
	}
	if err == nil && next.Signed.Version != want.Version {
		err = fmt.Errorf("%w: it says that it is version %d", trust.ErrMismatch, next.Signed.Version)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if old != nil {
		for file, meta := range old.Signed.Meta {
			if err := notBelow(&next.Signed, file, meta.Version); err != nil {
				return err
			}
		}
	}
	if err := r.acceptSnapshot(voucher, next, by); err != nil {
		return err
	}
	return r.write(roleFile(metadata.SNAPSHOT), data)
}

func (r *run) acceptSnapshot(voucher voucher, md *metadata.Metadata[metadata.SnapshotType], by []string) error {
	snapshot, f := &md.Signed, r.floors
	listed := map[string]int64{}
	for file, meta := range snapshot.Meta {
		// Another name, as "targets", is nobody's, and must not hide an older one.
		if role, ok := strings.CutSuffix(file, ".json"); ok {
			listed[roleFile(role)] = meta.Version
		}
	}
	if voucher.enough(f.rolesBy) {
		for _, role := range f.roles {
			if version := listed[role.file]; version < role.version {
				return fmt.Errorf("%w: snapshot %d has version %d of %s, %d was accepted before",
					trust.ErrRollback, snapshot.Version, version, role.file, role.version)
			}
		}
	}
	if err := r.checkExpiry("snapshot", snapshot.Expires); err != nil {
		return err
	}
	// What this snapshot says stands for those who signed it, be it lower where
	// the keys were exchanged.
	f.roles = slices.DeleteFunc(f.roles, func(role roleFloor) bool { return listed[role.file] == 0 })
	for i, role := range f.roles {
		f.roles[i].version = listed[role.file]
	}
	f.rolesBy = by
	r.snapshot = snapshot
	return r.saveFloors()
}

// notBelow is §5.5.5: nothing that was listed disappears or grows older.
func notBelow(snapshot *metadata.SnapshotType, file string, version int64) error {
	switch meta := snapshot.Meta[file]; {
	case meta == nil:
		return fmt.Errorf("%w: snapshot %d does not name %q any more", trust.ErrRollback, snapshot.Version, file)
	case meta.Version < version:
		return fmt.Errorf("%w: snapshot %d names version %d of %q, %d was accepted before", trust.ErrRollback, snapshot.Version, meta.Version, file, version)
	}
	return nil
}

func (r *run) updateTargets(ctx context.Context) error {
	_, err := r.load(ctx, metadata.TARGETS, rootVoucher(r.root, metadata.TARGETS))
	return err
}

// load returns a targets role that verified for whom voucher speaks of (§5.6).
// Each of several who delegate to one role asks for itself.
func (r *run) load(ctx context.Context, role string, voucher voucher) (*delegated, error) {
	want := r.snapshot.Meta[role+".json"]
	if want == nil {
		return nil, fmt.Errorf("%w: snapshot %d does not name role %q", trust.ErrMismatch, r.snapshot.Version, role)
	}
	if known := r.delegated[role]; known != nil {
		by, err := verify(voucher, role, known.md)
		if err != nil {
			return nil, fmt.Errorf("role %q: %w", role, err)
		}
		return &delegated{known.md, by}, nil
	}
	data, gone, err := r.read(roleFile(role), MaxTargets)
	if err != nil {
		return nil, err
	}
	if !gone {
		d, err := r.accept(role, voucher, want, data)
		if err == nil {
			return d, r.raiseRole(role, want.Version)
		}
		if r.fetcher == nil {
			return nil, fmt.Errorf("%s, as it is stored: %w", roleFile(role), err)
		}
	}
	name := r.fileName(role, want.Version)
	if data, err = r.fetchMeta(ctx, name, want, MaxTargets); err != nil {
		return nil, err
	}
	d, err := r.accept(role, voucher, want, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := r.raiseRole(role, want.Version); err != nil {
		return nil, err
	}
	return d, r.write(roleFile(role), data)
}

func (r *run) accept(role string, voucher voucher, want *metadata.MetaFiles, data []byte) (*delegated, error) {
	if err := matches(want, data); err != nil {
		return nil, err
	}
	md, err := parse[metadata.TargetsType](data)
	if err != nil {
		return nil, err
	}
	by, err := verify(voucher, role, md)
	if err != nil {
		return nil, err
	}
	if md.Signed.Version != want.Version {
		return nil, fmt.Errorf("%w: it says that it is version %d", trust.ErrMismatch, md.Signed.Version)
	}
	if err := r.checkExpiry(role, md.Signed.Expires); err != nil {
		return nil, err
	}
	d := &delegated{md, by}
	r.delegated[role] = d
	return d, nil
}

func (r *run) raiseRole(role string, version int64) error {
	r.floors.set(role, version)
	return r.saveFloors()
}

// fetchMeta asks for metadata that other metadata named, and for no more than that
// said or limit, whichever is less.
func (r *run) fetchMeta(ctx context.Context, name string, want *metadata.MetaFiles, limit int64) ([]byte, error) {
	if want.Length > limit {
		return nil, fmt.Errorf("%s: %w: %d bytes are declared, %d are allowed", name, fetch.ErrTooLarge, want.Length, limit)
	}
	if want.Length > 0 {
		limit = want.Length
	}
	data, err := r.fetch(ctx, name, limit)
	if err != nil {
		return nil, err
	}
	if err := matches(want, data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

func matches(want *metadata.MetaFiles, data []byte) error {
	if err := guard(func() error { return want.VerifyLengthHashes(data) }); err != nil {
		return fmt.Errorf("%w: %w", trust.ErrMismatch, err)
	}
	return nil
}

// fileName is the name of a role's metadata in the repository (§3, §6.2).
func (r *run) fileName(role string, version int64) string {
	if r.root.ConsistentSnapshot {
		return fmt.Sprintf("%d.%s.json", version, role)
	}
	return role + ".json"
}
