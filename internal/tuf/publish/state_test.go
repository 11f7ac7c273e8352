// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// An online key is stolen and used, a root key is lost; the other root holders replace
// both.
func TestStolenOnlineKey(t *testing.T) {
	w := newWorld(t)
	w.add(t, linux, "one", w.release, w.online)

	// The thief uses a very high version, so that no honest timestamp would be newer.
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
// bins on another, and until then clients use what they have.
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

// A new release key vouches only for releases that are in the repository: the old key
// may have been stolen and used.
func TestNewReleaseKeyComparesFirst(t *testing.T) {
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

// A timestamp does not replace the signature of the snapshot.
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

// A signed bin is refused if update-repo would not write it.
func TestBinsThatAreNotOurs(t *testing.T) {
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
