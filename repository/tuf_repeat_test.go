// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf/publish"
)

// After a kill a key that has signed what is published has nothing left to sign. Any
// other key, and one without a kill, has no draft to sign.
func TestSignTUFAgain(t *testing.T) {
	c := change{func(t *testing.T, r *Repository) { drafted(t, r) }, func(ctx context.Context, t *testing.T, r *Repository) error { return signRoot(ctx, t, r) }}
	sign := func(t *testing.T, r *Repository, seed byte) (*TUFChange, error) {
		signer, _ := seeded(t, seed)
		return r.SignTUF(t.Context(), SignTUFRequest{Signer: signer, Now: now})
	}
	r := killed(t, c, "remove metadata/"+publish.RootDraft)
	require.NoError(t, r.root.Remove(layout.Metadata(publish.TargetsDraft)))
	before := digests(t, r.dir)
	drafts, err := r.DraftsTUF(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, drafts)
	copied := func() *Repository {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS(r.dir)))
		return create(t, dir)
	}
	_, err = sign(t, copied(), 66)
	require.ErrorIs(t, err, publish.ErrDraft)
	_, err = copied().SignTUF(t.Context(), SignTUFRequest{Now: now})
	require.ErrorIs(t, err, publish.ErrDraft, "no key, nothing to describe")

	out, err := sign(t, r, rootSeed)
	require.NoError(t, err)
	require.True(t, out.Already)
	after := digests(t, r.dir)
	require.NotContains(t, after, layout.Metadata(publish.RootDraft))
	require.Equal(t, before["metadata/1.root.json"], after["metadata/1.root.json"])

	_, err = sign(t, r, rootSeed)
	require.ErrorIs(t, err, publish.ErrDraft, "no command was killed")
	late := copied()
	require.NoError(t, os.WriteFile(filepath.Join(late.dir, lockName), nil, 0o600)) // all but the lock file was removed
	out, err = sign(t, late, rootSeed)
	require.NoError(t, err)
	require.True(t, out.Already)
	_, err = r.DraftsTUF(t.Context(), nil)
	require.ErrorIs(t, err, publish.ErrDraft)
}

// Without a kill a key that signs none of the drafts is a mistake, whatever it has
// signed.
func TestSignTUFWithTheWrongKey(t *testing.T) {
	r := create(t, t.TempDir())
	drafted(t, r)
	require.NoError(t, signRoot(t.Context(), t, r))
	require.ErrorIs(t, signRoot(t.Context(), t, r), publish.ErrKey)
}

// A second init keeps the drafts, and who has signed them. One that would say something
// else is refused.
func TestInitTUFAgain(t *testing.T) {
	r := create(t, t.TempDir())
	setup := publish.Setup{
		Root: append(keyOfSeed(t, rootSeed), keyOfSeed(t, 44)...), Threshold: 2, Targets: keyOfSeed(t, targetsSeed), Release: keyOfSeed(t, releaseSeed),
		Snapshot: keyOfSeed(t, onlineSeed), Timestamp: keyOfSeed(t, onlineSeed), Bins: 2, Validity: publish.DefaultValidity(), Now: now,
	}
	out, err := r.InitTUF(t.Context(), setup)
	require.NoError(t, err)
	require.False(t, out.Already)
	require.NoError(t, signRoot(t.Context(), t, r))
	before := digests(t, r.dir)
	setup.Now = now.AddDate(0, 0, 1)
	out, err = r.InitTUF(t.Context(), setup)
	require.NoError(t, err)
	require.True(t, out.Already)
	require.Equal(t, before, digests(t, r.dir))

	for name, change := range map[string]func(s *publish.Setup){
		"other root keys":   func(s *publish.Setup) { s.Root[1] = keyOfSeed(t, 45)[0] },
		"another threshold": func(s *publish.Setup) { s.Threshold = 1 },
		"other bins":        func(s *publish.Setup) { s.Bins = 4 },
		"a release key":     func(s *publish.Setup) { s.Release = keyOfSeed(t, 45) },
	} {
		t.Run(name, func(t *testing.T) {
			s := setup
			s.Root = append(s.Root[:0:0], s.Root...)
			change(&s)
			_, err := r.InitTUF(t.Context(), s)
			require.ErrorIs(t, err, ErrExists)
			require.Equal(t, before, digests(t, r.dir))
		})
	}
}

// A copy that TUF clients may see stays if the metadata is not complete here.
func TestCopiesStayWithoutTheirMetadata(t *testing.T) {
	c := tufChanges()["replace with TUF"]
	r := killed(t, c, "rename "+timestamp)
	found, err := filepath.Glob(filepath.Join(r.dir, linuxDir, "*.release.json"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	bins, err := filepath.Glob(filepath.Join(r.dir, layout.MetadataDir, "*.bins-*.json"))
	require.NoError(t, err)
	for _, file := range bins {
		require.NoError(t, os.Remove(file))
	}
	require.ErrorIs(t, c.make(t.Context(), t, r), publish.ErrMissing)
	for _, file := range found {
		require.FileExists(t, file)
	}
}

func TestE6_FirstRefreshGoesOn(t *testing.T) {
	c := tufChanges()["first refresh"]
	_, _, after := steps(t, c)
	want := digestsOf(after)
	r := killed(t, c, "rename "+timestamp)
	require.NoError(t, c.make(t.Context(), t, r))
	require.Equal(t, now.Unix(), requireFirstTimestamp(t, r.dir))
	got := digests(t, r.dir)
	delete(want, timestamp)
	delete(got, timestamp)
	require.Equal(t, want, got)
}

// requireFirstTimestamp requires that TUF clients accept the first timestamp, and returns
// its version. It is 1, or after a kill the time: whether a client saw one before is not
// known for certain then.
func requireFirstTimestamp(t *testing.T, dir string) int64 {
	t.Helper()
	require.NotNil(t, tufView(t, dir, ""))
	raw, err := os.ReadFile(filepath.Join(dir, timestamp))
	require.NoError(t, err)
	var d struct{ Signed struct{ Version int64 } }
	require.NoError(t, json.Unmarshal(raw, &d))
	require.Contains(t, []int64{1, now.Unix()}, d.Signed.Version)

	return d.Signed.Version
}

// A release comes in between: the snapshot that was never seen stays until the next one.
func TestE6_FirstRefreshAfterAnotherRelease(t *testing.T) {
	c := tufChanges()["first refresh"]
	r := killed(t, c, "rename "+timestamp)
	req := request(t, 20)
	req.Version, req.TUF = "1.2.4", tufWith(t, onlineSeed)
	_, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	require.NoError(t, c.make(t.Context(), t, r))
	require.Len(t, tufView(t, r.dir, ""), 4)
	req.Version = "1.2.5"
	_, err = r.Add(t.Context(), req)
	require.NoError(t, err)
	require.Len(t, tufView(t, r.dir, ""), 6)
	require.NoFileExists(t, filepath.Join(r.dir, layout.MetadataDir, "1.snapshot.json"))
}

// Snapshot and timestamp have keys in different places.
func TestE6_SnapshotBeforeTheFirstTimestamp(t *testing.T) {
	r := create(t, t.TempDir())
	_, err := r.InitTUF(t.Context(), publish.Setup{
		Root: keyOfSeed(t, rootSeed), Threshold: 1, Targets: keyOfSeed(t, targetsSeed), Release: keyOfSeed(t, releaseSeed),
		Snapshot: keyOfSeed(t, onlineSeed), Timestamp: keyOfSeed(t, 77), Bins: 2, Validity: publish.DefaultValidity(), Now: now,
	})
	require.NoError(t, err)
	require.NoError(t, signRoot(t.Context(), t, r))
	for _, seeds := range [][]byte{{targetsSeed, releaseSeed, onlineSeed}, {onlineSeed}, {77}, {77}} {
		_, err := r.RefreshTUF(t.Context(), RefreshTUFRequest{TUF: tufWith(t, seeds...), Now: now})
		require.NoError(t, err)
	}
	require.NotNil(t, tufView(t, r.dir, ""))
	// From now on, clients may have seen it.
	require.NoError(t, os.Remove(filepath.Join(r.dir, timestamp)))
	_, err = r.RefreshTUF(t.Context(), RefreshTUFRequest{TUF: tufWith(t, 77), Now: now})
	require.ErrorIs(t, err, publish.ErrMissing)
}

func TestE7_AddGoesOnWithTUF(t *testing.T) {
	c := tufChanges()["publish with TUF"]
	_, _, after := steps(t, c)
	want := digestsOf(after)
	for _, step := range []string{"rename " + linuxDocument, "rename " + windowsDocument, "rename " + timestamp} {
		r := killed(t, c, step)
		require.Empty(t, tufView(t, r.dir, step))
		require.NoError(t, c.make(t.Context(), t, r), step)
		require.Equal(t, want, digests(t, r.dir), step)
		require.Len(t, tufView(t, r.dir, step), 2)
	}
}

// Another time of day makes another second document: what the killed run wrote of the
// metadata is of no use, and the first document gets into it again.
func TestE7_AddGoesOnLater(t *testing.T) {
	r := killed(t, tufChanges()["publish with TUF"], "rename "+windowsDocument)
	req := tufRequest(t, 1, true)
	req.Now = now.Add(time.Minute)
	out, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	require.True(t, out[0].Already)
	require.Len(t, tufView(t, r.dir, ""), 2)
}
