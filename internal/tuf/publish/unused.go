// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/tuf"
)

// neverSeen reports that no client can have seen any of the metadata.
func (s *State) neverSeen() bool { return s.timestamp == nil && !s.lostTimestamp }

// retire notes that clients see this snapshot, and lists what they do not need any
// longer.
func (w *work) retire(now *tuf.SnapshotMeta) {
	w.Visible = true
	before := w.s.published
	if before != nil && before.Signed.Version == now.Signed.Version {
		before = w.s.before
	}
	w.Obsolete = append(w.Obsolete, w.s.unnamed(now, before)...)
	w.Obsolete = append(w.Obsolete, w.s.finished...)
	if w.s.noTimestamp {
		w.Obsolete = append(w.Obsolete, NoTimestamp)
	}
}

// Unused returns files that no client needs any longer, and drafts that are published: an
// update that was killed did not remove them.
func (s *State) Unused() []string {
	out := slices.Clone(s.finished)
	if s.timestamp != nil && s.noTimestamp {
		out = append(out, NoTimestamp)
	}
	if s.published != nil {
		out = append(out, s.unnamed(s.published, s.before)...)
	}

	return out
}

// unnamed lists files that neither this snapshot nor the one before it names, and that
// are older. If there was one before and it is not known, it lists none.
func (s *State) unnamed(now, before *tuf.SnapshotMeta) (unused []string) {
	if before == nil && !s.neverSeen() && now.Signed.Version > 1 {
		return nil
	}
	keep := func(role string, v int64) bool {
		if role == Snapshot {
			return v >= now.Signed.Version || before != nil && v == before.Signed.Version
		}
		named := versionIn(now, role)
		return named == 0 || v >= named || v == versionIn(before, role)
	}
	for _, role := range slices.Sorted(maps.Keys(s.versions)) {
		for _, v := range s.versions[role] {
			if role != Root && !keep(role, v) {
				unused = append(unused, tuf.FileName(v, role))
			}
		}
	}

	return unused
}

// Listed returns what the bins say about a target: all versions of them that are there,
// except for files that will be gone. It returns an error if one cannot be read, or if
// clients see one that is not there.
func (s *State) Listed(ctx context.Context, target string, gone []string) ([]Target, error) {
	var roles []string
	for _, t := range s.targets {
		if usesBins(t) && !slices.Contains(roles, binOf(t, target)) {
			roles = append(roles, binOf(t, target))
		}
	}
	var out []Target
	if s.published == nil && !s.neverSeen() || s.published != nil && s.before == nil && s.published.Signed.Version > 1 {
		return nil, fmt.Errorf("%w: what clients see is not known", ErrMissing)
	}
	for _, role := range roles {
		for _, snapshot := range []*tuf.SnapshotMeta{s.published, s.before} {
			if v := versionIn(snapshot, role); v > 0 && !slices.Contains(s.versions[role], v) {
				return nil, fmt.Errorf("%w: %s", ErrMissing, tuf.FileName(v, role))
			}
		}
		for _, v := range s.versions[role] {
			name := tuf.FileName(v, role)
			if slices.Contains(gone, name) {
				continue
			}
			raw, err := read(ctx, s.files, name, role)
			if err != nil {
				return nil, err
			}
			md, err := parse[metadata.TargetsType](raw)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if t, ok := targetsIn(md)[target]; ok {
				out = append(out, t)
			}
		}
	}

	return out, nil
}
