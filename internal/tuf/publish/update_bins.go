// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// isCurrent returns whether the repository has exactly this release.json after the
// update. The zero Target stands for none.
func (w *work) isCurrent(ctx context.Context) currentFunc {
	return func(name string, t Target) (bool, error) {
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

// updateBins brings every bin up to date.
func (w *work) updateBins(ctx context.Context) error {
	set := map[string]map[string]Target{}
	for name, t := range w.u.Set {
		role := binOf(w.targets, name)
		if set[role] == nil {
			set[role] = map[string]Target{}
		}
		set[role][name] = t
	}
	ring := binsRing(w.targets)
	roles := w.targets.Signed.Delegations.SuccinctRoles.GetRoles()
	for _, role := range roles {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.updateBin(ctx, role, set[role], ring); err != nil {
			return err
		}
	}

	return nil
}

func (w *work) updateBin(ctx context.Context, role string, set map[string]Target, ring tuf.Keyring) error {
	b, err := w.s.bin(ctx, role, w.targets, w.isCurrent(ctx))
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
		if err := w.checkCurrent(ctx, role, after, stale); err != nil {
			return err
		}
	}

	validity := binValidity(w.targets)
	needed := b.meta == nil || stale || !maps.Equal(before, after)
	late := !needed && due(b.meta.Signed.Expires, validity, w.u.Now)
	switch {
	case !needed && !late:
	case needed && !enough(ring, w.u.Signers):
		return needsKey(Bins, ring)
	case !enough(ring, w.u.Signers):
		w.expiring(role, Bins, b.meta.Signed.Expires, ring)
	default:
		next := metadata.Targets(expiry(w.u.Now, validity))
		next.Signed.Version = b.highest + 1
		for name, t := range after {
			hash, _ := hex.DecodeString(t.SHA256) // checkBin refuses another length
			next.Signed.Targets[name] = &metadata.TargetFiles{Length: t.Length, Hashes: metadata.Hashes{"sha256": hash}}
		}
		if err := checkBin(role, next, w.targets); err != nil {
			return err
		}
		if _, err := sign(ctx, w, role, next, ring); err != nil {
			return err
		}
		b.meta = next
	}
	maps.Copy(w.Targets, targetsIn(b.meta))
	w.meta[role+".json"] = &metadata.MetaFiles{Version: b.meta.Signed.Version}

	return nil
}

// checkCurrent compares a bin with the repository. If the bin is stale, other keys
// than the latest signed it: the release key was changed, perhaps because it was
// stolen, and the new one must not vouch for releases that were not compared (T40).
func (w *work) checkCurrent(ctx context.Context, role string, after map[string]Target, stale bool) error {
	is := w.isCurrent(ctx)
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
			return fmt.Errorf("%w: %s was signed by other keys and lists another %q than the repository has", trust.ErrMismatch, role, name)
		}
		if _, ok := w.u.Set[name]; !ok {
			w.TakenOver = append(w.TakenOver, name)
		}
	}

	return nil
}
