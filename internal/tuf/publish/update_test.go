// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/tuf"
)

const (
	linux   = "1.2.3/linux/amd64/release.json"
	windows = "1.2.3/windows/arm64/release.json"
)

func TestFirstRefresh(t *testing.T) {
	w := draftedWorld(t)
	w.sign(t, w.alice, w.carol)
	r := w.refresh(t, w.targets, w.release, w.online)
	require.True(t, r.Visible)
	require.Equal(t, []string{
		"1.targets.json", "1.bins-0.json", "1.bins-1.json", "1.bins-2.json", "1.bins-3.json", NoTimestamp, "1.snapshot.json",
	}, names(r.Artifacts))
	require.Equal(t, TimestampFile, r.Timestamp.Name)
	require.Equal(t, []string{TargetsDraft, NoTimestamp}, r.Obsolete)
	v := w.requireSees(t, map[string]Target{})
	require.Equal(t, RoleStatus{
		Role: Root, Version: 1, Expires: now.AddDate(1, 0, 0).Truncate(time.Second), Threshold: 2, MayBeLost: 1,
		Keys: []string{KeyID(w.alice.key), KeyID(w.bob.key), KeyID(w.carol.key)}, Signed: []string{KeyID(w.alice.key), KeyID(w.carol.key)},
	}, v.Roles[0])

	for name, raw := range w.dir {
		require.NotContains(t, string(raw), ".123456789", "%s has a time of expiry that others do not read", name)
	}
	require.Empty(t, w.refresh(t, w.targets, w.release, w.online).Written, "nothing is due")
}

// A release changes its bin, snapshot and timestamp, and nothing else.
func TestAddChangesItsBinsOnly(t *testing.T) {
	w := newWorld(t)
	random := rand.New(rand.NewSource(1))
	want := map[string]Target{}
	for n := range 40 {
		name := fmt.Sprintf("1.%d.0/linux/amd64/release.json", random.Intn(20))
		before := maps.Clone(w.dir)
		content := fmt.Sprint(n)
		r := w.add(t, name, content, w.release, w.online)
		want[name] = TargetOf([]byte(content))
		w.requireSees(t, want)
		bin := binOf(w.load(t).newestTargets(), name)
		require.Len(t, r.Artifacts, 2)
		require.Regexp(t, `^\d+\.`+bin+`\.json$`, r.Artifacts[0].Name)
		require.Regexp(t, `^\d+\.snapshot\.json$`, r.Artifacts[1].Name)
		for _, f := range r.Artifacts {
			require.NotContains(t, before, f.Name, "a version never changes")
		}
		for name := range before {
			if _, there := w.dir[name]; !there {
				require.Contains(t, r.Obsolete, name)
			}
		}
	}
	require.Less(t, len(w.dir), 16, "what no client can need is removed")
	require.Empty(t, w.add(t, slices.Sorted(maps.Keys(want))[0], "x", w.release, w.online).Warnings)
}

// A client that read the timestamp before a release was added can finish.
func TestWhatTheLastSnapshotNamesStays(t *testing.T) {
	w := newWorld(t)
	for n := range 5 {
		before := maps.Clone(w.dir)
		w.add(t, linux, fmt.Sprint(n), w.release, w.online)
		w.dir[TimestampFile], before[TimestampFile] = before[TimestampFile], w.dir[TimestampFile]
		require.Empty(t, w.inspect(t).Faults)
		w.dir[TimestampFile] = before[TimestampFile]
	}
}

func TestRefreshWhatIsDue(t *testing.T) {
	for _, tc := range []struct {
		days int
		want []string
	}{
		{1, []string{}},
		{2, []string{}}, // a third of 3 days is left, not less
		{3, []string{Timestamp}},
		{9, []string{Timestamp}},
		{10, []string{Snapshot, Timestamp}},
		{243, []string{Snapshot, Timestamp}},
		{244, []string{Targets, Bins + "-0", Bins + "-1", Bins + "-2", Bins + "-3", Snapshot, Timestamp}},
		{400, []string{Targets, Bins + "-0", Bins + "-1", Bins + "-2", Bins + "-3", Snapshot, Timestamp}},
	} {
		t.Run(fmt.Sprint(tc.days), func(t *testing.T) {
			w := newWorld(t)
			w.now = now.AddDate(0, 0, tc.days)
			r := w.refresh(t, w.targets, w.release, w.online)
			got := []string{}
			for _, x := range r.Written {
				got = append(got, x.Role)
			}
			require.Equal(t, tc.want, got)
			if tc.days > 243 {
				require.NotEmpty(t, r.Warnings, "root is due as well")
			}
		})
	}
}

// With the online key alone, what it does not sign stays, with a warning.
func TestRefreshWithTheOnlineKeyAlone(t *testing.T) {
	w := newWorld(t)
	w.now = now.AddDate(0, 0, 300)
	r := w.refresh(t, w.online)
	require.Equal(t, []string{"2.snapshot.json"}, names(r.Artifacts))
	require.True(t, r.Visible)
	all := strings.Join(r.Warnings, "\n")
	require.Contains(t, all, "root expires at")
	require.Contains(t, all, "targets expires at")
	require.Contains(t, all, "bins-3 expires at")
	w.requireSees(t, map[string]Target{})
	for _, other := range []*Signer{w.evil, w.alice} {
		_, err := w.update(t, Update{Signers: []*Signer{w.online, other}})
		require.ErrorIs(t, err, ErrKey)
	}
}

func TestAddWithoutTheOnlineKey(t *testing.T) {
	w := newWorld(t)
	r := w.add(t, linux, "one", w.release)
	require.False(t, r.Visible)
	require.Nil(t, r.Timestamp)
	require.Empty(t, r.Obsolete)
	require.Contains(t, strings.Join(r.Warnings, "\n"), "clients do not see it yet")
	w.requireSees(t, map[string]Target{})
	w.add(t, linux, "two", w.release)
	w.add(t, windows, "three", w.release)

	r = w.refresh(t, w.online)
	require.True(t, r.Visible)
	want := map[string]Target{linux: TargetOf([]byte("two")), windows: TargetOf([]byte("three"))}
	w.requireSees(t, want)
	require.Equal(t, want, r.Targets)
	require.Empty(t, w.refresh(t, w.online).Written)
}

func TestAddWithoutTheKeyOfTheBins(t *testing.T) {
	w := newWorld(t)
	_, err := w.update(t, Update{Signers: []*Signer{w.online}, Set: map[string]Target{linux: TargetOf(nil)}})
	require.ErrorIs(t, err, ErrNeedsKey)
	require.False(t, w.load(t).SignsBins([]*Signer{w.online}))
	require.True(t, w.load(t).SignsBins([]*Signer{w.release}))
}

// A bin that a killed publish left is not published by the next refresh: its release
// does not exist.
func TestLeftoverBinIsNotPublished(t *testing.T) {
	w := newWorld(t)
	w.add(t, linux, "one", w.release, w.online)
	released := maps.Clone(w.releases)
	w.add(t, linux, "two", w.release)
	w.releases = released
	r := w.refresh(t, w.online, w.release)
	require.Contains(t, strings.Join(r.Warnings, "\n"), "is left over")
	w.requireSees(t, map[string]Target{linux: TargetOf([]byte("one"))})

	w.add(t, linux, "three", w.release, w.online)
	w.requireSees(t, map[string]Target{linux: TargetOf([]byte("three"))})

	// A bin that drops a release which still exists is left over as well.
	r, err := w.update(t, Update{Signers: []*Signer{w.release}, Remove: []string{linux}})
	require.NoError(t, err)
	w.apply(r)
	r = w.refresh(t, w.online)
	require.Contains(t, strings.Join(r.Warnings, "\n"), "is left over")
	w.requireSees(t, map[string]Target{linux: TargetOf([]byte("three"))})
}

func TestDropMissing(t *testing.T) {
	w := newWorld(t)
	w.add(t, linux, "one", w.release, w.online)
	w.add(t, windows, "two", w.release, w.online)
	delete(w.releases, windows)
	w.refresh(t, w.release, w.online)
	require.Len(t, w.requireSees(t, map[string]Target{linux: TargetOf([]byte("one")), windows: TargetOf([]byte("two"))}).Targets, 2)
	r, err := w.update(t, Update{Signers: []*Signer{w.release, w.online}, DropMissing: true})
	require.NoError(t, err)
	w.apply(r)
	w.requireSees(t, map[string]Target{linux: TargetOf([]byte("one"))})
}

func TestStates(t *testing.T) {
	w := draftedWorld(t)
	_, err := w.update(t, Update{Signers: []*Signer{w.online}})
	require.ErrorIs(t, err, ErrMissing, "without a root nothing can be signed")
	w.sign(t, w.alice, w.bob)
	require.True(t, w.load(t).Exists())
	require.False(t, w.load(t).Complete())
	_, err = w.update(t, Update{Signers: []*Signer{w.online, w.release}})
	require.ErrorIs(t, err, ErrNeedsKey, "the targets are a draft")
	_, err = w.update(t, Update{Signers: []*Signer{w.targets}})
	require.ErrorIs(t, err, ErrNeedsKey, "there are no bins")
	r := w.refresh(t, w.targets, w.release)
	require.False(t, r.Visible)
	require.True(t, w.load(t).Complete())
	require.True(t, w.refresh(t, w.online).Visible)
}

// What a client downloads and what a publisher writes, with 60,000 releases.
func TestScale(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT PROVEN: 60,000 targets take seconds")
	}
	w := draftedWorld(t)
	s := w.setup()
	s.Bins = DefaultBins
	root, targets, err := Init(s)
	require.NoError(t, err)
	w.put(t, root)
	w.put(t, targets)
	w.sign(t, w.alice, w.bob)
	set := map[string]Target{}
	platforms := []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64"}
	for n := range 10_000 {
		for _, p := range platforms {
			name := fmt.Sprintf("1.%d.%d/%s/release.json", n/100, n%100, p)
			set[name] = TargetOf([]byte(name))
		}
	}
	w.releases = set
	r, err := w.update(t, Update{Signers: []*Signer{w.targets, w.release, w.online}, Set: set})
	require.NoError(t, err)
	w.apply(r)

	largest := 0
	for name, raw := range w.dir {
		if strings.Contains(name, Bins) {
			largest = max(largest, len(raw))
		}
	}
	const document = 4 << 10 // of six artifacts with patches
	moved := len(w.dir["1.root.json"]) + len(w.dir[TimestampFile]) + len(w.dir["1.snapshot.json"]) + len(w.dir["1.targets.json"]) + largest + document
	t.Logf("a refresh and one target download %d bytes: snapshot %d, largest bin %d", moved, len(w.dir["1.snapshot.json"]), largest)
	require.LessOrEqual(t, moved, 100_000)

	next := map[string]Target{}
	for _, p := range platforms {
		next["2.0.0/"+p+"/release.json"] = TargetOf([]byte(p))
	}
	began := time.Now()
	r, err = w.update(t, Update{Signers: []*Signer{w.release, w.online}, Set: next})
	require.NoError(t, err)
	t.Logf("adding a release took %s", time.Since(began))
	require.LessOrEqual(t, len(r.Artifacts), len(platforms)+1, "its bins, and the snapshot")
	require.NotNil(t, r.Timestamp)
}

func TestNamesOfCopies(t *testing.T) {
	target := TargetOf([]byte("abc"))
	require.Equal(t, "1.2.3/linux/amd64/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.release.json", target.Copy(linux))
	require.True(t, IsCopy(target.Copy(linux)))
	require.False(t, IsCopy(linux))
}

// The validity is the one that the keys signed, or the default.
func TestValidity(t *testing.T) {
	w := draftedWorld(t)
	s := w.setup()
	s.Validity = Validity{Root: 10 * day, Targets: 20 * day, Bins: 30 * day, Snapshot: 40 * day, Timestamp: 50 * day}
	root, targets, err := Init(s)
	require.NoError(t, err)
	w.put(t, root)
	w.put(t, targets)
	w.sign(t, w.alice, w.bob)
	w.refresh(t, w.targets, w.release, w.online)
	for role, want := range map[string]int{Root: 10, Targets: 20, Bins: 30, Snapshot: 40, Timestamp: 50} {
		at := slices.IndexFunc(w.requireSees(t, map[string]Target{}).Roles, func(r RoleStatus) bool { return r.Role == role })
		require.Equal(t, now.AddDate(0, 0, want).Truncate(time.Second), w.requireSees(t, map[string]Target{}).Roles[at].Expires, role)
	}
	for _, odd := range []any{"1", -1.0, 0.0, 1e300, nil} {
		require.Equal(t, 14*day, validityOf(map[string]any{validityField: odd}, Snapshot))
	}
	for d, want := range map[time.Duration]string{day: "1 day", 365 * day: "365 days", 36 * time.Hour: "36h", 90 * time.Minute: "1h30m0s"} {
		require.Equal(t, want, FormatValidity(d))
	}
}

func TestKeyIDIsGoTUFs(t *testing.T) {
	w := newWorld(t)
	root, err := metadata.Root().FromBytes(w.dir["1.root.json"])
	require.NoError(t, err)
	for id, k := range root.Signed.Keys {
		k.UnrecognizedFields = nil
		got, err := k.ID()
		require.NoError(t, err)
		require.Equal(t, id, got)
	}
}

// Clients may see what other tools made, without bins.
func TestListedWithoutBins(t *testing.T) {
	s := &State{targets: []*tuf.TargetsMeta{metadata.Targets(now)}, published: metadata.Snapshot(now)}
	require.Equal(t, int64(1), s.versionIn(Targets))
	listed, err := s.Listed(t.Context(), linux, nil)
	require.NoError(t, err)
	require.Empty(t, listed)
}
