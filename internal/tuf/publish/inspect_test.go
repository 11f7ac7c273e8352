// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/internal/tuf/client"
	"github.com/choria-io/go-updater/trust"
)

// edit changes a signed file.
func edit(t testing.TB, w *world, name string, change func(signed map[string]any)) {
	t.Helper()
	var d map[string]any
	require.NoError(t, json.Unmarshal(w.dir[name], &d))
	change(d["signed"].(map[string]any))
	raw, err := json.Marshal(d)
	require.NoError(t, err)
	w.dir[name] = raw
}

// set returns a change of one member of a signed file.
func set(t testing.TB, name, member string, value any) func(w *world) {
	return func(w *world) { edit(t, w, name, func(s map[string]any) { s[member] = value }) }
}

// A client and the publisher refuse damaged metadata; the publisher repairs some.
func TestDamage(t *testing.T) {
	race.Skip(t, "one goroutine reads the damaged files")
	const later = "2099-01-01T00:00:00Z"
	bin := func(w *world, role string) string {
		s, _ := Load(t.Context(), w.dir, Options{})
		return tuf.FileName(s.versionIn(role), role)
	}
	for name, tc := range map[string]struct {
		change        func(w *world)
		inspect, load error // inspect nil: clients do not notice; load nil: the publisher repairs it
	}{
		"root 1 is missing":                     {func(w *world) { delete(w.dir, "1.root.json") }, nil, nil},
		"root 2 is missing":                     {func(w *world) { w.dir["3.root.json"] = w.dir["2.root.json"]; delete(w.dir, "2.root.json") }, nil, ErrMissing},
		"root 2 is root 1":                      {func(w *world) { w.dir["2.root.json"] = w.dir["1.root.json"] }, trust.ErrMismatch, trust.ErrMismatch},
		"root 2 is not signed":                  {set(t, "2.root.json", "expires", later), trust.ErrSignature, trust.ErrSignature},
		"root is cut":                           {func(w *world) { w.dir["2.root.json"] = w.dir["2.root.json"][:100] }, trust.ErrMalformed, trust.ErrMalformed},
		"root is null":                          {func(w *world) { w.dir["2.root.json"] = []byte("null") }, trust.ErrMalformed, trust.ErrMalformed},
		"root is too long":                      {func(w *world) { w.dir["2.root.json"] = make([]byte, tuf.MaxRoot+1) }, fetch.ErrTooLarge, fetch.ErrTooLarge},
		"timestamp is missing":                  {func(w *world) { delete(w.dir, TimestampFile) }, fetch.ErrNotFound, ErrMissing},
		"timestamp is another file":             {func(w *world) { w.dir[TimestampFile] = w.dir["1.root.json"] }, trust.ErrMalformed, trust.ErrMalformed},
		"timestamp is changed":                  {set(t, TimestampFile, "version", 77), trust.ErrSignature, trust.ErrSignature},
		"timestamp names no snapshot":           {set(t, TimestampFile, "meta", map[string]any{}), trust.ErrMalformed, trust.ErrMalformed},
		"timestamp is of version 2^62":          {set(t, TimestampFile, "version", int64(1)<<62), trust.ErrMalformed, trust.ErrMalformed},
		"timestamp is of another specification": {set(t, TimestampFile, "spec_version", "2.0.0"), trust.ErrMalformed, trust.ErrMalformed},
		"timestamp is padded": {func(w *world) {
			w.dir[TimestampFile] = append(w.dir[TimestampFile], strings.Repeat(" ", tuf.MaxTimestamp)...)
		}, fetch.ErrTooLarge, fetch.ErrTooLarge},
		"snapshot is missing":    {func(w *world) { delete(w.dir, "2.snapshot.json") }, fetch.ErrNotFound, nil},
		"snapshot is cut":        {func(w *world) { w.dir["2.snapshot.json"] = []byte("{}") }, trust.ErrMismatch, nil},
		"snapshot is older":      {func(w *world) { w.dir["2.snapshot.json"] = w.dir["1.snapshot.json"] }, trust.ErrMismatch, nil},
		"snapshot has one space": {func(w *world) { w.dir["2.snapshot.json"] = append(w.dir["2.snapshot.json"], ' ') }, fetch.ErrTooLarge, nil},
		"targets is missing":     {func(w *world) { delete(w.dir, "1.targets.json") }, fetch.ErrNotFound, ErrMissing},
		"targets is changed":     {set(t, "1.targets.json", "expires", later), trust.ErrSignature, ErrMissing},
		"targets has a member that no signature covers": {func(w *world) {
			raw := strings.Replace(string(w.dir["1.targets.json"]), `"succinct_roles"`, `"roles":null,"succinct_roles"`, 1)
			require.NotEqual(t, string(w.dir["1.targets.json"]), raw)
			w.dir["1.targets.json"] = []byte(raw)
		}, trust.ErrMalformed, ErrMissing},
		"a bin is missing": {func(w *world) { delete(w.dir, bin(w, "bins-0")) }, fetch.ErrNotFound, ErrMissing},
		"a bin is cut":     {func(w *world) { w.dir[bin(w, "bins-1")] = nil }, trust.ErrMalformed, ErrMissing},
		"a bin is another": {func(w *world) { w.dir["1.bins-1.json"] = w.dir["2.bins-3.json"] }, trust.ErrMismatch, ErrMissing},
		"a bin is changed": {func(w *world) { set(t, bin(w, "bins-1"), "expires", later)(w) }, trust.ErrSignature, ErrMissing},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.rotate(t, Rotation{Roles: []string{Root}})
			w.sign(t, w.alice, w.bob)
			w.add(t, linux, "one", w.release, w.online)
			want := map[string]Target{linux: TargetOf([]byte("one"))}
			w.requireSees(t, want)
			first := w.dir["1.root.json"]
			tc.change(w)

			if tc.inspect == nil {
				w.requireSees(t, want)
			} else {
				v := w.inspect(t)
				require.Len(t, v.Faults, 1)
				require.ErrorIs(t, v.Faults[0], tc.inspect)
			}
			// A client that looks for the release in the damaged bin, or above, agrees.
			c := client.Client{Root: first, Store: &client.Memory{}, Now: func() time.Time { return w.now }}
			view, err := c.Refresh(t.Context(), w.dir)
			for i := 0; err == nil && i < 20; i++ {
				if _, err = view.Target(t.Context(), strings.Repeat("x", i)); errors.Is(err, fetch.ErrNotFound) && strings.HasPrefix(err.Error(), "target") {
					err = nil
				}
			}
			require.ErrorIs(t, err, tc.inspect)

			s, err := Load(t.Context(), w.dir, Options{})
			if err == nil {
				_, err = s.Update(t.Context(), Update{Now: w.now, Signers: []*Signer{w.release, w.online}, Current: w.current})
			}
			require.ErrorIs(t, err, tc.load)
			if tc.load == nil {
				require.Equal(t, tc.inspect == nil, len(s.Problems) == 0)
				w.refresh(t, w.release, w.online)
				w.requireSees(t, want)
			}
		})
	}
}

// Metadata that our client reads and others may not is a fault, although it verifies.
func TestUnportableMetadata(t *testing.T) {
	w := newWorld(t)
	s := w.load(t)
	fraction := metadata.Timestamp(w.now.Add(day)) // now has nanoseconds
	fraction.Signed.Version = 2
	fraction.Signed.Meta["snapshot.json"] = s.timestamp.Signed.Meta["snapshot.json"]
	w.dir[TimestampFile] = signFile(t, fraction, ringOf(s.root(), Timestamp), w.online)
	v := w.inspect(t)
	require.Len(t, v.Faults, 1)
	require.ErrorIs(t, v.Faults[0], trust.ErrMalformed)
	require.NotNil(t, v.View)
	_, err := Load(t.Context(), w.dir, Options{})
	require.ErrorIs(t, err, trust.ErrMalformed)

	fraction.Signed.Expires = expiry(w.now, day)
	w.dir[TimestampFile] = signFile(t, fraction, ringOf(s.root(), Timestamp), w.online)
	w.requireSees(t, map[string]Target{})
	fraction.Signed.Version = maxVersion + 1
	w.dir[TimestampFile] = signFile(t, fraction, ringOf(s.root(), Timestamp), w.online)
	require.ErrorIs(t, w.inspect(t).Faults[0], trust.ErrMalformed)
	_, err = Load(t.Context(), w.dir, Options{})
	require.ErrorIs(t, err, trust.ErrMalformed)
}

// No metadata is no fault, metadata without a root is one.
func TestInspectWithoutMetadata(t *testing.T) {
	v, err := Inspect(t.Context(), memory{RootDraft: nil}, now, nil)
	require.NoError(t, err)
	require.Nil(t, v)
	w := newWorld(t)
	delete(w.dir, "1.root.json")
	require.ErrorIs(t, w.inspect(t).Faults[0], fetch.ErrNotFound)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Inspect(ctx, newWorld(t).dir, now, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestExpiry(t *testing.T) {
	for _, tc := range []struct {
		days   int
		faults []string
	}{
		{2, nil},
		{3, []string{Timestamp}},
		{14, []string{Timestamp, Snapshot}},
		{365, []string{Root, Timestamp, Snapshot, Targets, "bins-0", "bins-1", "bins-2", "bins-3"}},
	} {
		w := newWorld(t)
		w.now = now.AddDate(0, 0, tc.days)
		v := w.inspect(t)
		require.Len(t, v.Faults, len(tc.faults))
		for i, role := range tc.faults {
			require.ErrorIs(t, v.Faults[i], trust.ErrExpired)
			require.ErrorContains(t, v.Faults[i], role)
		}
	}
}

// A pinned root is refused if the whole directory was replaced by another.
func TestPinned(t *testing.T) {
	w := newWorld(t)
	trusted := w.dir["1.root.json"]
	w.rotate(t, Rotation{Roles: []string{Root}})
	w.sign(t, w.alice, w.bob)
	for _, root := range [][]byte{trusted, w.dir["2.root.json"]} {
		_, err := Load(t.Context(), w.dir, Options{Trusted: root})
		require.NoError(t, err)
		v, err := Inspect(t.Context(), w.dir, w.now, root)
		require.NoError(t, err)
		require.Empty(t, v.Faults)
	}

	other := newWorld(t)
	s := other.setup()
	s.Root = keysOf(seeded(t, 21), seeded(t, 22))
	root, targets, err := Init(s)
	require.NoError(t, err)
	other.dir = memory{}
	other.put(t, root)
	other.put(t, targets)
	other.sign(t, seeded(t, 21), seeded(t, 22))
	other.refresh(t, other.targets, other.release, other.online)
	for _, pin := range [][]byte{trusted, w.dir["2.root.json"]} {
		_, err = Load(t.Context(), other.dir, Options{Trusted: pin})
		require.ErrorIs(t, err, ErrPinned)
	}
	v, err := Inspect(t.Context(), other.dir, now, trusted)
	require.NoError(t, err)
	require.ErrorIs(t, v.Faults[0], ErrPinned)
	// A directory without metadata does not have the trusted root either.
	_, err = Load(t.Context(), memory{}, Options{Trusted: trusted})
	require.ErrorIs(t, err, ErrPinned)
	v, err = Inspect(t.Context(), memory{}, now, trusted)
	require.NoError(t, err)
	require.ErrorIs(t, v.Faults[0], fetch.ErrNotFound)
	_, err = Load(t.Context(), w.dir, Options{Trusted: []byte("{}")})
	require.ErrorIs(t, err, trust.ErrMalformed)
	v, err = Inspect(t.Context(), w.dir, now, []byte("{}"))
	require.NoError(t, err)
	require.ErrorIs(t, v.Faults[0], trust.ErrMalformed)
}
