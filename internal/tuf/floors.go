// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

const (
	// MaxFloors is the greatest length of floors, in bytes.
	MaxFloors = 60 << 10

	floorsFormat = 1
	maxSeenRoles = 128
)

// Floors are the lowest versions that a client still accepts. A floor stands for
// as long as the keys that vouched for it would be enough today: a rotation of keys
// repairs a version that a thief drove up (§5.3.11).
type Floors struct {
	Anchor string    // hash of the root that the program brings, to which Root and Seen belong
	Root   int64     // version
	Seen   time.Time // the latest at which everything was accepted

	timestamp floor
	snapshot  floor // the timestamp vouches for it: it names the version
	roles     []roleFloor
	rolesBy   []string // IDs of the keys that signed the snapshot that named the roles
}

// floor is a version and the IDs of the keys that vouched for it.
type floor struct {
	version int64
	by      []string
}

// roleFloor names the role by its file: role names may be of any length.
type roleFloor struct {
	file    string
	version int64
}

// SnapshotOf returns what a timestamp says of the snapshot.
func SnapshotOf(stamp *metadata.TimestampType) *metadata.MetaFiles {
	return stamp.Meta[Snapshot+".json"]
}

// CheckTimestamp returns trust.ErrRollback for a timestamp below its floor, or one
// that names a snapshot below its floor. keys are those of the timestamp today.
func (f *Floors) CheckTimestamp(keys Keyring, stamp *metadata.TimestampType) error {
	if keys.Enough(f.timestamp.by) && stamp.Version < f.timestamp.version {
		return fmt.Errorf("%w: the repository has timestamp %d, %d was accepted before", trust.ErrRollback, stamp.Version, f.timestamp.version)
	}
	snapshot := SnapshotOf(stamp).Version
	if keys.Enough(f.snapshot.by) && snapshot < f.snapshot.version {
		return fmt.Errorf("%w: timestamp %d names snapshot %d, %d was accepted before", trust.ErrRollback, stamp.Version, snapshot, f.snapshot.version)
	}
	return nil
}

// RaiseTimestamp makes a timestamp, which the keys with the IDs by signed, the floor,
// unless a higher floor stands.
func (f *Floors) RaiseTimestamp(keys Keyring, stamp *metadata.TimestampType, by []string) {
	for _, next := range []struct {
		floor   *floor
		version int64
	}{{&f.timestamp, stamp.Version}, {&f.snapshot, SnapshotOf(stamp).Version}} {
		if next.version >= next.floor.version || !keys.Enough(next.floor.by) {
			*next.floor = floor{next.version, by}
		}
	}
}

// CheckSnapshot returns trust.ErrRollback for a snapshot that names a role below its
// floor, or no longer. keys are those of the snapshot today.
func (f *Floors) CheckSnapshot(keys Keyring, snapshot *metadata.SnapshotType) error {
	if !keys.Enough(f.rolesBy) {
		return nil
	}
	listed := listedIn(snapshot)
	for _, role := range f.roles {
		if version := listed[role.file]; version < role.version {
			return fmt.Errorf("%w: snapshot %d has version %d of %s, %d was accepted before",
				trust.ErrRollback, snapshot.Version, version, role.file, role.version)
		}
	}
	return nil
}

// SetSnapshot makes the versions in a snapshot, which the keys with the IDs by
// signed, the floors of the roles that have one. They are lower only after a
// rotation.
func (f *Floors) SetSnapshot(snapshot *metadata.SnapshotType, by []string) {
	listed := listedIn(snapshot)
	f.roles = slices.DeleteFunc(f.roles, func(role roleFloor) bool { return listed[role.file] == 0 })
	for i, role := range f.roles {
		f.roles[i].version = listed[role.file]
	}
	f.rolesBy = by
}

// listedIn returns the versions in a snapshot by the names of stored files.
func listedIn(snapshot *metadata.SnapshotType) map[string]int64 {
	listed := map[string]int64{}
	for file, meta := range snapshot.Meta {
		// Another name, such as "targets", is no role, and must not hide an older one.
		if role, ok := strings.CutSuffix(file, ".json"); ok {
			listed[StoredName(role)] = meta.Version
		}
	}
	return listed
}

// CheckSuccessor returns trust.ErrRollback if a role that a snapshot named is gone
// from the next one, or has a lower version there (§5.5.5).
func CheckSuccessor(before, next *metadata.SnapshotType) error {
	for file, was := range before.Meta {
		switch meta := next.Meta[file]; {
		case meta == nil:
			return fmt.Errorf("%w: snapshot %d does not name %q any more", trust.ErrRollback, next.Version, file)
		case meta.Version < was.Version:
			return fmt.Errorf("%w: snapshot %d names version %d of %q, %d was accepted before", trust.ErrRollback, next.Version, meta.Version, file, was.Version)
		}
	}
	return nil
}

// SetRole sets the floor of a role to the version that an accepted snapshot names.
// The first role, targets, stays. If there are too many others, the oldest is
// dropped.
func (f *Floors) SetRole(role string, version int64) {
	for i := range f.roles {
		if f.roles[i].file == StoredName(role) {
			f.roles[i].version = version
			return
		}
	}
	f.roles = append(f.roles, roleFloor{StoredName(role), version})
	if extra := len(f.roles) - maxSeenRoles; extra > 0 {
		f.roles = slices.Delete(f.roles, 1, 1+extra)
	}
}

// Format returns the floors with a checksum, at most [MaxFloors] bytes.
func (f *Floors) Format() []byte {
	roles := make([]store.Fields, len(f.roles))
	for i, r := range f.roles {
		roles[i] = store.Fields{"file": r.file, "version": r.version}
	}
	return store.Format(store.Fields{
		"format": floorsFormat, "anchor": f.Anchor, "root": f.Root, "seen": f.Seen,
		"timestamp": f.timestamp.version, "timestamp_by": list(f.timestamp.by),
		"snapshot": f.snapshot.version, "snapshot_by": list(f.snapshot.by),
		"roles": roles, "roles_by": list(f.rolesBy),
	})
}

// Clone returns a copy that shares nothing with f.
func (f *Floors) Clone() *Floors {
	c := *f
	c.roles = slices.Clone(f.roles)
	return &c
}

// Versions is [Floors.Format] without Seen: equal if and only if all floors are.
func (f *Floors) Versions() string {
	other := *f
	other.Seen = time.Time{}
	return string(other.Format())
}

func list(ids []string) []store.Fields {
	all := make([]store.Fields, len(ids))
	for i, id := range ids {
		all[i] = store.Fields{"key": id}
	}
	return all
}

// ParseFloors is the inverse of [Floors.Format]. It returns store.ErrDamaged.
func ParseFloors(raw []byte) (*Floors, error) {
	m, err := store.Parse(raw)
	if err != nil {
		return nil, err
	}
	ids := func(name string) (ids []string) {
		for _, part := range m.Parts(name) {
			ids = append(ids, part.Text("key"))
		}
		return ids
	}
	format := m.Int("format")
	f := &Floors{
		Anchor: m.Text("anchor"), Root: m.Int("root"), Seen: m.Time("seen"),
		timestamp: floor{m.Int("timestamp"), ids("timestamp_by")},
		snapshot:  floor{m.Int("snapshot"), ids("snapshot_by")},
		rolesBy:   ids("roles_by"),
	}
	for _, part := range m.Parts("roles") {
		f.roles = append(f.roles, roleFloor{part.Text("file"), part.Int("version")})
	}
	if m.Err() == nil && format != floorsFormat {
		return nil, fmt.Errorf("%w: not of format %d", store.ErrDamaged, floorsFormat)
	}
	return f, m.Err()
}
