// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"
	"slices"
	"time"

	"github.com/choria-io/go-updater/internal/store"
)

const (
	floorsFile   = "floors"
	floorsFormat = 1
	maxFloors    = 60 << 10 // below the limit of package memo
	maxSeenRoles = 128
)

// floors are the versions below which not to go.
type floors struct {
	anchor    string    // hash of the root that the program brings, to which root and seen belong
	root      int64     //
	seen      time.Time // the latest at which everything was accepted
	timestamp floor     //
	snapshot  floor     // vouched for by the timestamp, which names its version
	roles     []roleFloor
	rolesBy   []string // who signed the snapshot that named them
}

// floor is a version and the ids of the keys that vouched for it.
type floor struct {
	version int64
	by      []string
}

// roleFloor names the role by its file: role names may be of any length.
type roleFloor struct {
	file    string
	version int64
}

// set sets the version of a role. The first one, targets, stays; of the others
// the one that was first asked for gives way when there are too many.
func (f *floors) set(role string, version int64) {
	for i := range f.roles {
		if f.roles[i].file == roleFile(role) {
			f.roles[i].version = version // that of the snapshot, which was compared
			return
		}
	}
	f.roles = append(f.roles, roleFloor{roleFile(role), version})
	if extra := len(f.roles) - maxSeenRoles; extra > 0 {
		f.roles = slices.Delete(f.roles, 1, 1+extra)
	}
}

func (f *floors) format() []byte {
	roles := make([]store.Fields, len(f.roles))
	for i, r := range f.roles {
		roles[i] = store.Fields{"file": r.file, "version": r.version}
	}
	return store.Format(store.Fields{
		"format": floorsFormat, "anchor": f.anchor, "root": f.root, "seen": f.seen,
		"timestamp": f.timestamp.version, "timestamp_by": list(f.timestamp.by),
		"snapshot": f.snapshot.version, "snapshot_by": list(f.snapshot.by),
		"roles": roles, "roles_by": list(f.rolesBy),
	})
}

func list(ids []string) []store.Fields {
	all := make([]store.Fields, len(ids))
	for i, id := range ids {
		all[i] = store.Fields{"key": id}
	}
	return all
}

func parseFloors(raw []byte) (*floors, error) {
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
	f := &floors{
		anchor: m.Text("anchor"), root: m.Int("root"), seen: m.Time("seen"),
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
