// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/trust"
)

// Keys of a repository with TUF metadata. The release key is that of all tests.
const (
	releaseSeed = 1
	onlineSeed  = 101 + iota
	targetsSeed
	rootSeed
)

func keyOfSeed(t testing.TB, n byte) []trust.Key {
	t.Helper()
	_, key := seeded(t, n)

	return []trust.Key{key}
}

func tufWith(t testing.TB, seeds ...byte) TUF {
	t.Helper()
	o := TUF{}
	for _, n := range seeds {
		s, _ := seeded(t, n)
		o.Signers = append(o.Signers, s)
	}

	return o
}

// drafted has one root key, and few bins so that tests are short.
func drafted(t testing.TB, r *Repository) {
	t.Helper()
	draftedAt(t, r, now)
}

func draftedAt(t testing.TB, r *Repository, now time.Time) {
	t.Helper()
	require.NoError(t, initTUF(t, r, now))
}

func initTUF(t testing.TB, r *Repository, now time.Time) error {
	t.Helper()
	_, err := r.InitTUF(t.Context(), publish.Setup{
		Root: keyOfSeed(t, rootSeed), Threshold: 1, Targets: keyOfSeed(t, targetsSeed), Release: keyOfSeed(t, releaseSeed),
		Snapshot: keyOfSeed(t, onlineSeed), Timestamp: keyOfSeed(t, onlineSeed), Bins: 2, Validity: publish.DefaultValidity(), Now: now,
	})

	return err
}

func withTUF(t testing.TB, r *Repository) {
	t.Helper()
	drafted(t, r)
	require.NoError(t, signRoot(t.Context(), t, r))
	_, err := r.RefreshTUF(t.Context(), RefreshTUFRequest{TUF: tufWith(t, targetsSeed, releaseSeed, onlineSeed), Now: now})
	require.NoError(t, err)
}

func signRoot(ctx context.Context, t testing.TB, r *Repository) error {
	root, _ := seeded(t, rootSeed)
	_, err := r.SignTUF(ctx, SignTUFRequest{Signer: root, Now: now})

	return err
}

func tufRequest(t testing.TB, seed int64, online bool) AddRequest {
	t.Helper()
	req := request(t, seed)
	if online {
		req.TUF = tufWith(t, onlineSeed)
	}

	return req
}

// tufChanges are the ways to change a repository that has TUF metadata.
func tufChanges() map[string]change {
	add := func(seed int64, force, online bool) func(context.Context, *testing.T, *Repository) error {
		return func(ctx context.Context, t *testing.T, r *Repository) error {
			req := tufRequest(t, seed, online)
			req.Force = force
			_, err := r.Add(ctx, req)
			return err
		}
	}
	with := func(t *testing.T, r *Repository) { withTUF(t, r) }
	published := func(t *testing.T, r *Repository) {
		withTUF(t, r)
		require.NoError(t, add(1, false, true)(t.Context(), t, r))
		require.NoError(t, add(5, true, true)(t.Context(), t, r))
	}
	refresh := func(seeds ...byte) func(context.Context, *testing.T, *Repository) error {
		return func(ctx context.Context, t *testing.T, r *Repository) error {
			_, err := r.RefreshTUF(ctx, RefreshTUFRequest{TUF: tufWith(t, seeds...), Now: now})
			return err
		}
	}

	return map[string]change{
		"publish with TUF":               {with, add(1, false, true)},
		"publish without the online key": {with, add(1, false, false)},
		"replace with TUF":               {published, add(10, true, true)},
		"replace without the online key": {published, add(10, true, false)},
		"first refresh": {func(t *testing.T, r *Repository) {
			drafted(t, r)
			require.NoError(t, signRoot(t.Context(), t, r))
			addPlain(t, r)
		}, refresh(targetsSeed, releaseSeed, onlineSeed)},
		"refresh of what waited": {func(t *testing.T, r *Repository) {
			withTUF(t, r)
			require.NoError(t, add(1, false, false)(t.Context(), t, r))
		}, refresh(onlineSeed)},
		"first root":                      {func(t *testing.T, r *Repository) { addPlain(t, r); drafted(t, r) }, func(ctx context.Context, t *testing.T, r *Repository) error { return signRoot(ctx, t, r) }},
		"another online key, and refresh": {rotating, finishRotation},
	}
}

func addPlain(t testing.TB, r *Repository) {
	t.Helper()
	_, err := r.Add(t.Context(), request(t, 1))
	require.NoError(t, err)
}

func rotating(t *testing.T, r *Repository) {
	t.Helper()
	withTUF(t, r)
	addPlain(t, r)
	_, err := r.RefreshTUF(t.Context(), RefreshTUFRequest{TUF: tufWith(t, onlineSeed), Now: now})
	require.NoError(t, err)
	_, err = r.RotateTUF(t.Context(), TUF{}, publish.Rotation{
		Roles: []string{publish.Snapshot, publish.Timestamp}, Add: keyOfSeed(t, 77), Now: now,
	})
	require.NoError(t, err)
}

func finishRotation(ctx context.Context, t *testing.T, r *Repository) error {
	root, _ := seeded(t, rootSeed)
	_, err := r.SignTUF(ctx, SignTUFRequest{Signer: root, Now: now, TUF: tufWith(t, 77)})

	return err
}

// tufView returns what TUF clients see, or nil if there is nothing to see yet.
func tufView(t testing.TB, dir, at string) map[string]publish.Target {
	t.Helper()
	r := create(t, dir)
	view, err := publish.Inspect(t.Context(), metadataFiles{r}, now, nil)
	require.NoError(t, err, at)
	if view == nil {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, layout.MetadataDir, publish.TimestampFile)); err != nil {
		return nil
	}
	require.Empty(t, view.Faults, at)
	for name, target := range view.Targets {
		raw, err := os.ReadFile(filepath.Join(dir, target.Copy(name)))
		require.NoError(t, err, at)
		require.Equal(t, target, publish.TargetOf(raw), at)
	}

	return view.Targets
}

// At every instant TUF clients see all of the old state or all of the new one, with
// its copies; plain clients see what they would without TUF. After a kill the next
// refresh repairs what is left.
func TestKillAtEveryStepWithTUF(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT PROVEN: hundreds of repositories, which the race detector need not see")
	}
	for name, c := range tufChanges() {
		t.Run(name, func(t *testing.T) {
			_, before, after := steps(t, c)
			dir := t.TempDir()
			r := stepwise(t, dir)
			c.before(t, r)
			old := tufView(t, dir, "before")
			var snapshots []string
			r.step = func(op, name string) error {
				snapshot := filepath.Join(t.TempDir(), "repo")
				snapshots = append(snapshots, snapshot)
				return os.CopyFS(snapshot, os.DirFS(dir))
			}
			require.NoError(t, c.make(t.Context(), t, r))
			require.Equal(t, after, tree(t, dir))
			fresh := tufView(t, dir, "after")
			for n, snapshot := range snapshots {
				view := tufView(t, snapshot, name)
				if !maps.Equal(view, old) {
					require.Equal(t, fresh, view, n)
				}
				requirePlain(t, snapshot, before, after)

				again := create(t, snapshot)
				again.flush = r.flush
				_, err := again.RefreshTUF(t.Context(), RefreshTUFRequest{TUF: tufWith(t, onlineSeed), Now: now.Add(49 * time.Hour)})
				if err == nil {
					require.NotNil(t, tufView(t, snapshot, name))
				}
			}
			require.Greater(t, len(snapshots), 8)
		})
	}
}

// requirePlain is requireOldOrNew without the files of TUF clients.
func requirePlain(t *testing.T, dir string, before, after map[string]string) {
	t.Helper()
	r := create(t, dir)
	found, _, err := r.locations(Filter{})
	require.NoError(t, err)
	for document := range before {
		if strings.HasSuffix(document, "/"+layout.DocumentName) {
			require.FileExists(t, filepath.Join(dir, document))
		}
	}
	_, key := seeded(t, releaseSeed)
	req := &VerifyRequest{Policy: policy(t, 1, key), Now: now}
	for _, l := range found {
		raw, err := r.readDocument(t.Context(), l)
		require.NoError(t, err)
		require.Contains(t, []string{before[l.document()], after[l.document()]}, string(raw))
		require.Empty(t, req.check(t.Context(), local{r}, l, nil).Faults)
	}
}

func TestFailureAtEveryStepWithTUF(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT PROVEN: hundreds of repositories, which the race detector need not see")
	}
	for name, c := range tufChanges() {
		t.Run(name, func(t *testing.T) {
			all, before, after := steps(t, c)
			for n := range all {
				dir := filepath.Join(t.TempDir(), "repo")
				plant(t, dir, before)
				r := stepwise(t, dir)
				count, failed := 0, ""
				r.step = func(op, name string) error {
					if count++; count == n+1 {
						failed = op + " " + name
						return errDisk
					}
					return nil
				}
				err := c.make(t.Context(), t, r)
				if strings.HasPrefix(failed, "remove ") && !strings.Contains(failed, workPrefix) {
					require.NoError(t, err, failed)
					require.Subset(t, tree(t, dir), after, failed)
					continue
				}
				require.ErrorIs(t, err, errDisk, failed)
				require.Equal(t, before, tree(t, dir), failed)
			}
		})
	}
}

// The timestamp, which shows all the rest, comes last.
func TestTimestampComesLast(t *testing.T) {
	for name, c := range tufChanges() {
		all, _, _ := steps(t, c)
		at := slices.Index(all, "rename "+layout.MetadataDir+"/"+publish.TimestampFile)
		for i, step := range all {
			switch {
			case strings.HasPrefix(step, "rename ") && at >= 0:
				require.LessOrEqual(t, i, at, "%s: %s", name, step)
			case strings.HasPrefix(step, "remove ") && !strings.Contains(step, workPrefix):
				require.Greater(t, i, at, "%s: %s", name, step)
			}
		}
	}
}

// TUF changes nothing that other clients read.
func TestTUFChangesNothingForOthers(t *testing.T) {
	plain, both := t.TempDir(), t.TempDir()
	addPlain(t, create(t, plain))
	r := create(t, both)
	withTUF(t, r)
	_, err := r.Add(t.Context(), tufRequest(t, 1, true))
	require.NoError(t, err)
	left := tree(t, both)
	for name := range left {
		if strings.HasPrefix(name, layout.MetadataDir+"/") || publish.IsCopy(name) {
			delete(left, name)
		}
	}
	require.Equal(t, tree(t, plain), left)

	entries, err := r.List(t.Context(), Filter{})
	require.NoError(t, err)
	require.Len(t, entries, 2)
	report := verifyAll(t, r)
	require.True(t, report.OK())
	require.Empty(t, report.Warnings)
	require.Equal(t, 2, report.Metadata.Targets)
}

// The copies of two states stay, older ones are removed.
func TestCopies(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	withTUF(t, r)
	copies := func() []string {
		found, err := filepath.Glob(filepath.Join(dir, linuxDir, "*.release.json"))
		require.NoError(t, err)
		return found
	}
	for n := range 4 {
		req := tufRequest(t, int64(n)*10+1, true)
		req.Force = true
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.Len(t, copies(), min(n+1, 2))
		require.True(t, verifyAll(t, r).OK())
	}
	before := copies()
	for n := range 3 { // clients see none of these
		req := tufRequest(t, int64(n)*10+101, false)
		req.Force = true
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.Subset(t, copies(), before)
	}
}

func TestAddRefusesWithTUF(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(r *AddRequest)
		want   error
	}{
		"not signed":            {func(r *AddRequest) { r.Signer, r.InsecureUnsigned = nil, true }, ErrRequest},
		"another key":           {func(r *AddRequest) { r.Signer, _ = seeded(t, 55) }, publish.ErrNeedsKey},
		"a key of no role":      {func(r *AddRequest) { r.TUF = tufWith(t, onlineSeed, 55) }, publish.ErrKey},
		"a root key":            {func(r *AddRequest) { r.TUF = tufWith(t, onlineSeed, rootSeed) }, publish.ErrKey},
		"roots of others":       {func(r *AddRequest) { r.TUF.TrustedRoot = otherRoot(t) }, publish.ErrPinned},
		"a signer of TUF fails": {func(r *AddRequest) { r.TUF.Signers = []signature.Signer{brokenTUF{r.TUF.Signers[0]}} }, publish.ErrSigner},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := create(t, dir)
			withTUF(t, r)
			before := tree(t, dir)
			req := tufRequest(t, 1, true)
			tc.change(&req)
			_, err := r.Add(t.Context(), req)
			require.ErrorIs(t, err, tc.want)
			require.Equal(t, before, tree(t, dir))
		})
	}
}

// brokenTUF signs nothing.
type brokenTUF struct{ signature.Signer }

func (brokenTUF) SignMessage(io.Reader, ...signature.SignOption) ([]byte, error) {
	return make([]byte, 64), nil
}

func otherRoot(t testing.TB) []byte {
	t.Helper()
	dir := t.TempDir()
	r := create(t, dir)
	_, err := r.InitTUF(t.Context(), publish.Setup{
		Root: keyOfSeed(t, 44), Threshold: 1, Targets: keyOfSeed(t, targetsSeed), Release: keyOfSeed(t, releaseSeed),
		Snapshot: keyOfSeed(t, onlineSeed), Timestamp: keyOfSeed(t, onlineSeed), Bins: 2, Validity: publish.DefaultValidity(), Now: now,
	})
	require.NoError(t, err)
	root, _ := seeded(t, 44)
	_, err = r.SignTUF(t.Context(), SignTUFRequest{Signer: root, Now: now})
	require.NoError(t, err)
	raw, err := os.ReadFile(filepath.Join(dir, layout.MetadataDir, "1.root.json"))
	require.NoError(t, err)

	return raw
}

// A release by another key is not added to the metadata.
func TestRefreshAddsOnlyOwnReleases(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	req := request(t, 1)
	req.Signer, _ = seeded(t, 66)
	req.Version = "6.6.6"
	_, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	req = request(t, 1)
	req.Signer, req.InsecureUnsigned, req.Version = nil, true, "6.6.7"
	_, err = r.Add(t.Context(), req)
	require.NoError(t, err)
	addPlain(t, r)
	drafted(t, r)
	require.NoError(t, signRoot(t.Context(), t, r))
	out, err := r.RefreshTUF(t.Context(), RefreshTUFRequest{TUF: tufWith(t, targetsSeed, releaseSeed, onlineSeed), Now: now})
	require.NoError(t, err)
	require.Len(t, out.Warnings, 4)
	view := tufView(t, dir, "")
	require.Len(t, view, 2)
	require.Contains(t, view, "1.2.3/linux/amd64/release.json")
}

func TestLocationOf(t *testing.T) {
	l, ok := locationOf("1.2.3/linux/amd64/release.json")
	require.True(t, ok)
	require.Equal(t, Location{"1.2.3", "linux", "amd64"}, l)
	for _, name := range []string{"", "release.json", "../../../release.json", "1.2.3/linux/amd64/other.json", "1.2.3/../amd64/release.json", "metadata/linux/amd64/release.json", "1.2.3/linux/amd64/x/release.json"} {
		_, ok := locationOf(name)
		require.False(t, ok, name)
	}
}
