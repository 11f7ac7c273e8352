// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

func (w *work) is(ctx context.Context) vouched {
	return func(name string, t Target) (bool, error) {
		// What this update sets or removes is as good as there.
		if set, ok := w.u.Set[name]; ok {
			return set == t, nil
		}
		current, there, err := w.u.Current(ctx, name)
		if t == (Target{}) {
			return !there, err
		}
		return there && current == t, err
	}
}

// bins brings every bin up to date.
func (w *work) bins(ctx context.Context) error {
	set := map[string]map[string]Target{}
	for name, t := range w.u.Set {
		role := binOf(w.targets, name)
		if set[role] == nil {
			set[role] = map[string]Target{}
		}
		set[role][name] = t
	}
	ring := binsRing(w.targets.Signed.Delegations)
	roles := w.targets.Signed.Delegations.SuccinctRoles.GetRoles()
	for _, role := range roles {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.bin(ctx, role, set[role], ring); err != nil {
			return err
		}
	}

	return nil
}

func (w *work) bin(ctx context.Context, role string, set map[string]Target, ring keyring) error {
	b, err := w.s.bin(ctx, role, w.targets, w.is(ctx))
	if err != nil {
		return err
	}
	before := map[string]Target{}
	if b.meta != nil {
		before = targetsIn(b.meta)
	}
	after := maps.Clone(before)
	for _, name := range w.u.Remove {
		delete(after, name)
	}
	maps.Copy(after, set)
	stale := b.meta != nil && !b.good
	if stale || w.u.DropMissing {
		if err := w.vouch(ctx, role, after, stale); err != nil {
			return err
		}
	}

	validity := validityOf(w.targets.Signed.Delegations.SuccinctRoles.UnrecognizedFields, Bins)
	needed := b.meta == nil || stale || !maps.Equal(before, after)
	late := !needed && due(b.meta.Signed.Expires, validity, w.u.Now)
	switch {
	case !needed && !late:
	case needed && !ring.enough(w.u.Signers):
		return needsKey(Bins, ring)
	case !ring.enough(w.u.Signers):
		w.warn("%s expires at %s: refresh it with %v", role, b.meta.Signed.Expires.Format(time.RFC3339), needsKey(Bins, ring))
	default:
		next := metadata.Targets(expiry(w.u.Now, validity))
		next.Signed.Version = b.highest + 1
		for name, t := range after {
			next.Signed.Targets[name] = &metadata.TargetFiles{Length: t.Length, Hashes: metadata.Hashes{"sha256": unhex(t.SHA256)}}
		}
		if err := soundBin(role, next, w.targets); err != nil {
			return err
		}
		if err := sign(ctx, w, role, next, ring, w.targets); err != nil {
			return err
		}
		b.meta = next
	}
	maps.Copy(w.Targets, targetsIn(b.meta))
	w.meta[role+".json"] = &metadata.MetaFiles{Version: b.meta.Signed.Version}

	return nil
}

// vouch goes through what other keys than the present ones signed: the release
// key was changed, perhaps because it was stolen, and the new one must not
// vouch for what was not looked at.
func (w *work) vouch(ctx context.Context, role string, after map[string]Target, stale bool) error {
	is := w.is(ctx)
	for _, name := range slices.Sorted(maps.Keys(after)) {
		gone, err := is(name, Target{})
		if err != nil {
			return err
		}
		if gone && w.u.DropMissing {
			delete(after, name)
			continue
		}
		if !stale {
			continue
		}
		same, err := is(name, after[name])
		if err != nil {
			return err
		}
		if !same {
			return fmt.Errorf("%w: %s was signed by other keys and says otherwise of %q than the repository", ErrMismatch, role, name)
		}
		if _, ok := w.u.Set[name]; !ok {
			w.TakenOver = append(w.TakenOver, name)
		}
	}

	return nil
}

// online writes snapshot and timestamp, as far as their keys are there.
func (w *work) online(ctx context.Context) error {
	root := w.s.root()
	snapshot, raw, err := w.snapshot(ctx)
	if err != nil || snapshot == nil {
		return err
	}
	t := w.s.timestamp
	named := t != nil && describes(t, snapshot.Signed.Version, raw) && verify(root, Timestamp, t) == nil
	late := named && due(t.Signed.Expires, w.s.validity(Timestamp), w.u.Now)
	ring := ringOf(root, Timestamp)
	switch {
	case named && !late:
		w.Visible = true
		return nil
	case !ring.enough(w.u.Signers) && named:
		w.Visible = true
		w.warn("timestamp expires at %s: refresh it with %v", t.Signed.Expires.Format(time.RFC3339), needsKey(Timestamp, ring))
		return nil
	case !ring.enough(w.u.Signers):
		w.warn("clients do not see it yet: refresh with %v", needsKey(Timestamp, ring))
		return nil
	}
	next := metadata.Timestamp(expiry(w.u.Now, w.s.validity(Timestamp)))
	switch {
	case t != nil:
		next.Signed.Version = t.Signed.Version + 1
	case w.s.lostTimestamp:
		// Nobody can have signed as many as there are seconds since 1970.
		next.Signed.Version = max(w.u.Now.Unix(), 1)
	}
	next.Signed.Meta["snapshot.json"] = &metadata.MetaFiles{
		Version: snapshot.Signed.Version, Length: int64(len(raw)), Hashes: metadata.Hashes{"sha256": hash(raw)},
	}
	if err := sign(ctx, w, Timestamp, next, ring, root); err != nil {
		return err
	}
	w.Visible = true
	w.retire(snapshot)

	return nil
}

// snapshot finds one that says what has to be said, or makes it. It is nil when
// its key is missing.
func (w *work) snapshot(ctx context.Context) (*snapshotMeta, []byte, error) {
	root, ring := w.s.root(), ringOf(w.s.root(), Snapshot)
	var highest int64
	if len(w.s.snapshots) > 0 {
		highest = w.s.snapshots[0].Signed.Version
	}
	if t := w.s.timestamp; t != nil {
		highest = max(highest, t.Signed.Meta["snapshot.json"].Version)
	}
	for _, meta := range w.s.snapshots {
		if !equalMeta(meta.Signed.Meta, w.meta) || verify(root, Snapshot, meta) != nil {
			continue
		}
		late := due(meta.Signed.Expires, w.s.validity(Snapshot), w.u.Now)
		if late && ring.enough(w.u.Signers) {
			break
		}
		if late {
			w.warn("snapshot expires at %s: refresh it with %v", meta.Signed.Expires.Format(time.RFC3339), needsKey(Snapshot, ring))
		}
		raw, err := read(ctx, w.s.files, fileName(meta.Signed.Version, Snapshot))
		return meta, raw, err
	}
	if !ring.enough(w.u.Signers) {
		w.warn("clients do not see it yet: refresh with %v", needsKey(Snapshot, ring))
		return nil, nil, nil
	}
	next := metadata.Snapshot(expiry(w.u.Now, w.s.validity(Snapshot)))
	next.Signed.Version, next.Signed.Meta = highest+1, w.meta
	if err := sign(ctx, w, Snapshot, next, ring, root); err != nil {
		return nil, nil, err
	}

	return next, w.Artifacts[len(w.Artifacts)-1].Content, nil
}

// retire lists what neither this snapshot nor the one before it names. When
// that one is not known, nothing is.
func (w *work) retire(now *snapshotMeta) {
	before := w.s.published
	if before == nil || before.Signed.Version == now.Signed.Version {
		return
	}
	keep := func(role string, v int64) bool {
		if role == Snapshot {
			return v == before.Signed.Version || v >= now.Signed.Version
		}
		f := now.Signed.Meta[role+".json"]
		return f == nil || v == w.s.versionIn(role) || v >= f.Version
	}
	for _, role := range slices.Sorted(maps.Keys(w.s.versions)) {
		for _, v := range w.s.versions[role] {
			if role != Root && !keep(role, v) {
				w.Obsolete = append(w.Obsolete, fileName(v, role))
			}
		}
	}
}

func hash(raw []byte) metadata.HexBytes {
	sum := sha256.Sum256(raw)

	return sum[:]
}

func unhex(s string) metadata.HexBytes {
	var out metadata.HexBytes
	if err := out.UnmarshalJSON([]byte(`"` + s + `"`)); err != nil {
		return nil // soundBin refuses it
	}

	return out
}
