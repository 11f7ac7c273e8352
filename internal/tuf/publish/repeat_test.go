// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// A change of keys was made before only if it turned the keys there were into those
// that there are: a mistyped key must not seem to be removed.
func TestRotated(t *testing.T) {
	dave := seeded(t, 7)
	id := func(s *Signer) string { return KeyID(s.key) }
	w := newWorld(t)
	w.rotate(t, Rotation{Roles: []string{Root}, Remove: []string{id(w.bob)}, Add: keysOf(dave), Threshold: 1})
	for name, tc := range map[string]struct {
		rotation Rotation
		again    bool
	}{
		"the same":              {Rotation{Roles: []string{Root}, Remove: []string{id(w.bob)}, Add: keysOf(dave), Threshold: 1}, true},
		"a part of it":          {Rotation{Roles: []string{Root}, Remove: []string{id(w.bob)[:8]}}, true},
		"another key to add":    {Rotation{Roles: []string{Root}, Remove: []string{id(w.bob)}, Add: keysOf(w.evil)}, false},
		"a key that was there":  {Rotation{Roles: []string{Root}, Remove: []string{id(w.bob)}, Add: keysOf(w.alice)}, false},
		"another key to remove": {Rotation{Roles: []string{Root}, Remove: []string{id(w.alice)}, Add: keysOf(dave)}, false},
		"a key that never was":  {Rotation{Roles: []string{Root}, Remove: []string{id(w.evil)}, Add: keysOf(dave)}, false},
		"another threshold":     {Rotation{Roles: []string{Root}, Remove: []string{id(w.bob)}, Threshold: 2}, false},
		"the threshold":         {Rotation{Roles: []string{Root}, Threshold: 1}, true},
		"the old threshold":     {Rotation{Roles: []string{Root}, Threshold: 2}, false},
		"a renewal":             {Rotation{Roles: []string{Root}}, false},
		"another role":          {Rotation{Roles: []string{Root, Timestamp}, Remove: []string{id(w.bob)}, Add: keysOf(dave)}, false},
		"no role of the root":   {Rotation{Roles: []string{Bins}, Remove: []string{id(w.bob)}, Add: keysOf(dave)}, false},
		"an unknown role":       {Rotation{Roles: []string{"mirrors"}, Add: keysOf(dave)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			draft, again := w.load(t).Rotated(tc.rotation)
			require.Equal(t, tc.again, again)
			require.Equal(t, tc.again, draft != nil)
		})
	}

	t.Run("published", func(t *testing.T) {
		w.sign(t, w.alice, w.carol)
		s := w.load(t)
		require.Nil(t, s.RootDraft)
		for key, again := range map[*Signer]bool{dave: true, w.carol: false} {
			draft, got := s.Rotated(Rotation{Roles: []string{Root}, Add: keysOf(key)})
			require.Nil(t, draft)
			require.Equal(t, again, got)
		}
	})
}

// What is older than the last two snapshots is unused, if both are known.
func TestUnused(t *testing.T) {
	left := func(t *testing.T) *world {
		w := newWorld(t)
		old := w.dir["1.bins-0.json"]
		for _, content := range []string{"one", "two", "three"} {
			w.add(t, linux, content, w.release, w.online)
		}
		require.Empty(t, w.load(t).Unused())
		w.dir["1.snapshot.json"] = old // a kill left it
		return w
	}
	for name, tc := range map[string]struct {
		change func(w *world)
		want   []string
	}{
		"left over":                    {func(*world) {}, []string{"1.snapshot.json"}},
		"the one before is missing":    {func(w *world) { delete(w.dir, "3.snapshot.json") }, nil},
		"the latest cannot be read":    {func(w *world) { w.dir["4.snapshot.json"] = nil }, nil},
		"no timestamp was there yet":   {func(w *world) { w.dir[NoTimestamp] = nil }, []string{NoTimestamp, "1.snapshot.json"}},
		"a draft that is published":    {func(w *world) { w.dir[TargetsDraft] = w.dir["1.targets.json"] }, []string{TargetsDraft, "1.snapshot.json"}},
		"another draft of its version": {func(w *world) { w.dir[TargetsDraft] = otherTargets(t, w) }, []string{"1.snapshot.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := left(t)
			tc.change(w)
			require.ElementsMatch(t, tc.want, w.load(t).Unused())
		})
	}
}

// A root is never unused, not even if a snapshot of another tool names it.
func TestRootsAreUsed(t *testing.T) {
	now := metadata.Snapshot(now)
	now.Signed.Version = 2
	now.Signed.Meta["root.json"] = &metadata.MetaFiles{Version: 2}
	s := &State{versions: map[string][]int64{Root: {2, 1}}}
	require.Empty(t, s.unnamed(now, now))
}

// A refresh without a change keeps what the snapshot before names, as the one that made
// the latest did.
func TestRefreshAgainKeepsTheStateBefore(t *testing.T) {
	w := newWorld(t)
	w.add(t, linux, "one", w.release, w.online)
	w.add(t, linux, "two", w.release, w.online)
	r := w.refresh(t, w.release, w.online)
	require.True(t, r.Visible)
	require.Empty(t, r.Written)
	require.Empty(t, r.Obsolete)
}

// otherTargets is the first draft, with another release key.
func otherTargets(t *testing.T, w *world) []byte {
	t.Helper()
	s := w.setup()
	s.Release = keysOf(w.evil)
	_, draft, err := Init(s)
	require.NoError(t, err)
	f, err := draft.File()
	require.NoError(t, err)

	return f.Content
}

// Copies go only if it is known what clients see.
func TestListed(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(w *world, role string)
		gone   func(role string) string
		want   []string
		err    error
	}{
		"both states":                   {want: []string{"three", "two"}},
		"one will be gone":              {gone: func(role string) string { return "3." + role + ".json" }, want: []string{"three"}},
		"what they see is missing":      {change: func(w *world, role string) { delete(w.dir, "4."+role+".json") }, err: ErrMissing},
		"what they saw is missing":      {change: func(w *world, role string) { delete(w.dir, "3."+role+".json") }, err: ErrMissing},
		"the state before is not known": {change: func(w *world, _ string) { delete(w.dir, "3.snapshot.json") }, err: ErrMissing},
		"no snapshot can be read":       {change: func(w *world, _ string) { w.dir["4.snapshot.json"] = nil }, err: ErrMissing},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, content := range []string{"one", "two", "three"} {
				w.add(t, linux, content, w.release, w.online)
			}
			role := binOf(w.load(t).newestTargets(), linux)
			if tc.change != nil {
				tc.change(w, role)
			}
			var gone []string
			if tc.gone != nil {
				gone = append(gone, tc.gone(role))
			}
			listed, err := w.load(t).Listed(t.Context(), linux, gone)
			require.ErrorIs(t, err, tc.err)
			var want []Target
			for _, content := range tc.want {
				want = append(want, TargetOf([]byte(content)))
			}
			require.Equal(t, want, listed)
		})
	}
}
