// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"bytes"
	"context"
	"crypto/sha256"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/tuf"
)

// updateOnline writes snapshot and timestamp, as far as there are keys for them.
func (w *work) updateOnline(ctx context.Context) error {
	snapshot, raw, err := w.snapshot(ctx)
	if err != nil || snapshot == nil {
		return err
	}
	t := w.s.timestamp
	ring := ringOf(w.s.root(), Timestamp)
	named := t != nil && describes(t, snapshot.Signed.Version, raw) && verify(ring, t) == nil
	late := named && due(t.Signed.Expires, w.s.validity(Timestamp), w.u.Now)
	switch {
	case named && !late:
		w.retire(snapshot)
		return nil
	case !enough(ring, w.u.Signers) && named:
		w.retire(snapshot)
		w.expiring(Timestamp, Timestamp, t.Signed.Expires, ring)
		return nil
	case !enough(ring, w.u.Signers):
		w.warn("clients do not see it yet: refresh with %v", needsKey(Timestamp, ring))
		return nil
	}
	next := metadata.Timestamp(expiry(w.u.Now, w.s.validity(Timestamp)))
	switch {
	case t != nil:
		next.Signed.Version = t.Signed.Version + 1
	case w.s.lostTimestamp:
		// No repository has signed as many as there are seconds since 1970.
		next.Signed.Version = max(w.u.Now.Unix(), 1)
	}
	next.Signed.Meta["snapshot.json"] = &metadata.MetaFiles{
		Version: snapshot.Signed.Version, Length: int64(len(raw)), Hashes: metadata.Hashes{"sha256": hash(raw)},
	}
	if _, err := sign(ctx, w, Timestamp, next, ring); err != nil {
		return err
	}
	w.retire(snapshot)

	return nil
}

// snapshot finds one that names the right versions, or makes it. It is nil if a key
// for it is missing.
func (w *work) snapshot(ctx context.Context) (*tuf.SnapshotMeta, []byte, error) {
	ring := ringOf(w.s.root(), Snapshot)
	var highest int64
	if len(w.s.snapshots) > 0 {
		highest = w.s.snapshots[0].Signed.Version
	}
	if t := w.s.timestamp; t != nil {
		highest = max(highest, tuf.SnapshotOf(&t.Signed).Version)
	}
	for _, md := range w.s.snapshots {
		if !equalMeta(md.Signed.Meta, w.meta) || verify(ring, md) != nil {
			continue
		}
		late := due(md.Signed.Expires, w.s.validity(Snapshot), w.u.Now)
		if late && enough(ring, w.u.Signers) {
			break
		}
		if late {
			w.expiring(Snapshot, Snapshot, md.Signed.Expires, ring)
		}
		raw, err := read(ctx, w.s.files, tuf.FileName(md.Signed.Version, Snapshot), Snapshot)
		return md, raw, err
	}
	if !enough(ring, w.u.Signers) {
		w.warn("clients do not see it yet: refresh with %v", needsKey(Snapshot, ring))
		return nil, nil, nil
	}
	if w.s.neverSeen() && !w.s.noTimestamp {
		w.s.noTimestamp = true
		w.Artifacts = append(w.Artifacts, File{NoTimestamp, []byte("{}\n")})
	}
	next := metadata.Snapshot(expiry(w.u.Now, w.s.validity(Snapshot)))
	next.Signed.Version, next.Signed.Meta = highest+1, w.meta
	raw, err := sign(ctx, w, Snapshot, next, ring)

	return next, raw, err
}

// equalMeta compares what two snapshots name.
func equalMeta(a, b map[string]*metadata.MetaFiles) bool {
	if len(a) != len(b) {
		return false
	}
	for name, f := range a {
		if g := b[name]; g == nil || f.Version != g.Version || f.Length != g.Length || len(f.Hashes)+len(g.Hashes) != 0 {
			return false
		}
	}

	return true
}

// describes reports whether a timestamp names exactly this file.
func describes(t *tuf.TimestampMeta, version int64, raw []byte) bool {
	f := tuf.SnapshotOf(&t.Signed)

	return f.Version == version && f.Length == int64(len(raw)) && bytes.Equal(f.Hashes["sha256"], hash(raw))
}

func hash(raw []byte) metadata.HexBytes {
	sum := sha256.Sum256(raw)

	return sum[:]
}
