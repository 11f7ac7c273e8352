// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
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

// A story: an online key is stolen and used, a root key is lost; both are
// replaced by who is left.
func TestStolenOnlineKey(t *testing.T) {
	w := newWorld(t)
	w.add(t, linux, "one", w.release, w.online)

	// The thief goes far ahead, so that nothing honest would be newer.
	s := w.load(t)
	thiefs := metadata.Timestamp(expiry(w.now, day))
	thiefs.Signed.Version = 1 << 40
	thiefs.Signed.Meta["snapshot.json"] = s.timestamp.Signed.Meta["snapshot.json"]
	w.dir[TimestampFile] = signFile(t, thiefs, ringOf(s.root(), Timestamp), w.online)

	online2, dave := seeded(t, 9), seeded(t, 10)
	w.rotate(t, Rotation{Roles: []string{Snapshot, Timestamp}, Remove: []string{KeyID(w.online.key)}, Add: keysOf(online2)})
	w.rotate(t, Rotation{Roles: []string{Root}, Remove: []string{KeyID(w.carol.key)}, Add: keysOf(dave)})
	w.sign(t, w.alice, w.bob)
	v := w.inspect(t)
	require.Len(t, v.Faults, 1)
	require.ErrorIs(t, v.Faults[0], trust.ErrSignature, "the thief's timestamp is void")

	r := w.refresh(t, online2)
	require.Equal(t, []string{"3.snapshot.json"}, names(r.Artifacts))
	v = w.requireSees(t, map[string]Target{linux: TargetOf([]byte("one"))})
	require.Greater(t, v.Roles[1].Version, int64(1<<40), "also for a client that does not forget")
	_, err := w.update(t, Update{Signers: []*Signer{w.online}})
	require.ErrorIs(t, err, ErrKey, "the stolen key signs nothing any more")
}

// The release key changes: the targets metadata is signed on one machine, the
// bins on another, and until then clients go on with what they have.
func TestRotateReleaseKey(t *testing.T) {
	w := newWorld(t)
	w.add(t, linux, "one", w.release, w.online)
	release2 := seeded(t, 9)
	w.rotate(t, Rotation{Roles: []string{Bins}, Remove: []string{KeyID(w.release.key)}, Add: keysOf(release2)})

	s := w.load(t)
	require.NoError(t, s.TargetsDraft.Sign(t.Context(), w.targets, s.Authority()))
	f, err := s.Adopt(s.TargetsDraft)
	require.NoError(t, err)
	require.Equal(t, "2.targets.json", f.Name)
	w.dir[f.Name] = f.Content
	delete(w.dir, TargetsDraft)

	// Clients find everything in the meantime.
	w.now = now.AddDate(0, 0, 3)
	r := w.refresh(t, w.online)
	require.Equal(t, []Written{{TimestampFile, Timestamp, 3, r.Written[0].Expires, []string{KeyID(w.online.key)}}}, r.Written)
	require.Contains(t, strings.Join(r.Warnings, "\n"), "not everything could be updated")
	w.requireSees(t, map[string]Target{linux: TargetOf([]byte("one"))})
	w.add(t, windows, "two", w.release, w.online)

	r = w.refresh(t, release2, w.online)
	require.Equal(t, []string{linux, windows}, sorted(r.TakenOver))
	require.Len(t, r.Artifacts, 5)
	v := w.requireSees(t, map[string]Target{linux: TargetOf([]byte("one")), windows: TargetOf([]byte("two"))})
	require.Equal(t, []string{KeyID(release2.key)}, v.Roles[4].Signed)

	t.Run("the old key gets nothing in any more", func(t *testing.T) {
		bin := binOf(w.load(t).newestTargets(), linux)
		old := w.load(t).targets[1]
		thiefs := metadata.Targets(expiry(w.now, day))
		thiefs.Signed.Version = 99
		thiefs.Signed.Targets[linux] = &metadata.TargetFiles{Length: 1, Hashes: metadata.Hashes{"sha256": make([]byte, 32)}}
		w.dir["99."+bin+".json"] = signFile(t, thiefs, binsRing(old), w.release)
		// Even if the thief can put the release there.
		w.releases[linux] = targetsIn(thiefs)[linux]
		r := w.refresh(t, release2, w.online)
		require.Contains(t, strings.Join(r.Warnings, "\n"), "replaced keys signed it")
		require.Empty(t, r.Written)
	})
}

func sorted(s []string) []string {
	m := map[string]bool{}
	for _, x := range s {
		m[x] = true
	}
	out := []string{}
	for _, name := range []string{linux, windows} {
		if m[name] {
			out = append(out, name)
		}
	}

	return out
}

// A new release key vouches only for what lies in the repository: the old one
// may have been stolen and used.
func TestNewReleaseKeyLooksFirst(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(w *world)
		drop   bool
		want   error
	}{
		"another release is there":         {func(w *world) { w.releases[linux] = TargetOf([]byte("else")) }, false, trust.ErrMismatch},
		"another, and missing ones may go": {func(w *world) { w.releases[linux] = TargetOf([]byte("else")) }, true, trust.ErrMismatch},
		"it is not there":                  {func(w *world) { delete(w.releases, linux) }, false, trust.ErrMismatch},
		"it is not there and may go":       {func(w *world) { delete(w.releases, linux) }, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add(t, linux, "one", w.release, w.online)
			release2 := seeded(t, 9)
			w.rotate(t, Rotation{Roles: []string{Bins}, Remove: []string{KeyID(w.release.key)}, Add: keysOf(release2)})
			tc.change(w)
			before := maps.Clone(w.dir)
			r, err := w.update(t, Update{Signers: []*Signer{w.targets, release2, w.online}, DropMissing: tc.drop})
			require.ErrorIs(t, err, tc.want)
			require.Equal(t, before, w.dir)
			if err == nil {
				w.apply(r)
				w.requireSees(t, map[string]Target{})
			}
		})
	}
}

func TestRotateTargetsKey(t *testing.T) {
	w := newWorld(t)
	w.add(t, linux, "one", w.release, w.online)
	targets2 := seeded(t, 9)
	w.rotate(t, Rotation{Roles: []string{Targets}, Remove: []string{KeyID(w.targets.key)}, Add: keysOf(targets2)})
	w.sign(t, w.alice, w.bob)
	_, err := w.update(t, Update{Signers: []*Signer{w.online, w.release}})
	require.ErrorIs(t, err, ErrNeedsKey)
	w.refresh(t, w.online, targets2)
	v := w.requireSees(t, map[string]Target{linux: TargetOf([]byte("one"))})
	require.Equal(t, []string{KeyID(targets2.key)}, v.Roles[3].Signed)
}

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

// The key of the timestamp does not stand in for that of the snapshot.
func TestTimestampThatNamesAnUnsignedSnapshot(t *testing.T) {
	w := newWorld(t)
	edit(t, w, "1.snapshot.json", func(s map[string]any) { s["expires"] = "2099-01-01T00:00:00Z" })
	thiefs := metadata.Timestamp(expiry(w.now, day))
	thiefs.Signed.Version = 2
	raw := w.dir["1.snapshot.json"]
	thiefs.Signed.Meta["snapshot.json"] = &metadata.MetaFiles{Version: 1, Length: int64(len(raw)), Hashes: metadata.Hashes{"sha256": hash(raw)}}
	w.dir[TimestampFile] = signFile(t, thiefs, ringOf(w.load(t).root(), Timestamp), w.online)
	s := w.load(t)
	require.Nil(t, s.published)
	require.Len(t, s.Problems, 1)
	require.ErrorIs(t, w.inspect(t).Faults[0], trust.ErrSignature)
}

// Each root is signed by its own threshold and by that of the one before.
func TestRootsAreAChain(t *testing.T) {
	thieves := []*Signer{seeded(t, 31), seeded(t, 32)}
	replaced := func(w *world) *Draft {
		return w.rotate(t, Rotation{
			Roles: []string{Root}, Add: keysOf(thieves...),
			Remove: []string{KeyID(w.alice.key), KeyID(w.bob.key), KeyID(w.carol.key)},
		})
	}
	for name, tc := range map[string]struct {
		by   func(w *world) []*Signer
		want error
	}{
		"by the new keys":                {func(*world) []*Signer { return thieves }, trust.ErrSignature},
		"by the old keys":                {func(w *world) []*Signer { return []*Signer{w.alice, w.bob} }, trust.ErrSignature},
		"by the new, and one of the old": {func(w *world) []*Signer { return append([]*Signer{w.alice}, thieves...) }, trust.ErrThreshold},
		"by the old, and one of the new": {func(w *world) []*Signer { return []*Signer{w.alice, w.bob, thieves[0]} }, trust.ErrThreshold},
		"by no key":                      {func(*world) []*Signer { return nil }, trust.ErrUnsigned},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			d := replaced(w)
			delete(w.dir, RootDraft)
			for _, signer := range tc.by(w) {
				require.NoError(t, d.Sign(t.Context(), signer, w.load(t).Authority()))
			}
			_, err := d.Finish(w.load(t).Authority())
			require.ErrorIs(t, err, tc.want)
			f, err := d.File()
			require.NoError(t, err)
			w.dir["2.root.json"] = f.Content
			_, err = Load(t.Context(), w.dir, Options{})
			require.ErrorIs(t, err, tc.want)
			require.ErrorIs(t, w.inspect(t).Faults[0], tc.want)
		})
	}
	w := newWorld(t)
	replaced(w)
	w.sign(t, append([]*Signer{w.bob, w.carol}, thieves...)...)
	w.requireSees(t, map[string]Target{})
}

// A bin that its own key signed may still say what no bin may.
func TestBinsThatSayTooMuch(t *testing.T) {
	for name, change := range map[string]func(w *world, bin *tuf.TargetsMeta){
		"a target of another bin": func(w *world, bin *tuf.TargetsMeta) {
			for _, other := range []string{"a", "b", "c", "d", "e", "f", "g"} {
				if binOf(w.load(t).newestTargets(), other) != "bins-0" {
					bin.Signed.Targets[other] = &metadata.TargetFiles{Length: 1, Hashes: metadata.Hashes{"sha256": make([]byte, 32)}}
				}
			}
		},
		"two hashes": func(w *world, bin *tuf.TargetsMeta) {
			bin.Signed.Targets[inBin(t, w, "bins-0")] = &metadata.TargetFiles{Length: 1, Hashes: metadata.Hashes{"sha256": make([]byte, 32), "sha512": make([]byte, 64)}}
		},
		"a short hash": func(w *world, bin *tuf.TargetsMeta) {
			bin.Signed.Targets[inBin(t, w, "bins-0")] = &metadata.TargetFiles{Length: 1, Hashes: metadata.Hashes{"sha256": make([]byte, 31)}}
		},
		"a delegation": func(_ *world, bin *tuf.TargetsMeta) {
			bin.Signed.Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{}, Roles: []metadata.DelegatedRole{}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.load(t)
			bin := metadata.Targets(expiry(w.now, day))
			change(w, bin)
			w.dir["1.bins-0.json"] = signFile(t, bin, binsRing(s.newestTargets()), w.release)
			require.ErrorIs(t, w.inspect(t).Faults[0], trust.ErrMismatch)
			_, err := w.update(t, Update{Signers: []*Signer{w.online}})
			require.ErrorIs(t, err, trust.ErrMismatch)
		})
	}
}

func inBin(t testing.TB, w *world, bin string) string {
	t.Helper()
	for n := range 100 {
		name := strings.Repeat("x", n+1)
		if binOf(w.load(t).newestTargets(), name) == bin {
			return name
		}
	}
	t.Fatal("no name found")

	return ""
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

// A pinned root: the whole directory may have been exchanged for another.
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
	// A directory without metadata is not the one that was trusted either.
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
