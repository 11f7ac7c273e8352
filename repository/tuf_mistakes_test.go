// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf/client"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/trust"
)

// A key without a role is refused, not ignored: a user who gave it would believe that
// it has signed.
func TestKeysWithoutARoleAreRefused(t *testing.T) {
	rotate := func(role string, add []trust.Key, seeds ...byte) func(t *testing.T, r *Repository) error {
		return func(t *testing.T, r *Repository) error {
			_, err := r.RotateTUF(t.Context(), tufWith(t, seeds...), publish.Rotation{Roles: []string{role}, Add: add, Now: now})
			return err
		}
	}
	added := keyOfSeed(t, 77)
	for name, tc := range map[string]struct {
		change func(t *testing.T, r *Repository) error
		want   error
	}{
		"rotate, no role":               {rotate(publish.Root, nil, rootSeed, 55), publish.ErrKey},
		"rotate, a root key for bins":   {rotate(publish.Bins, nil, rootSeed), publish.ErrKey},
		"rotate, the keys of all roles": {rotate(publish.Root, nil, rootSeed, targetsSeed, releaseSeed, onlineSeed), nil},
		"rotate, a new key":             {rotate(publish.Snapshot, added, 77), nil},
		"rotate, a new release key":     {rotate(publish.Bins, added, 77), nil},
		"sign, no role": {func(t *testing.T, r *Repository) error {
			signer, _ := seeded(t, rootSeed)
			_, err := r.SignTUF(t.Context(), SignTUFRequest{Signer: signer, Now: now, TUF: tufWith(t, 55)})
			return err
		}, publish.ErrKey},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := create(t, dir)
			withTUF(t, r)
			require.NoError(t, rotate(publish.Root, nil)(t, r))
			before := tree(t, dir)
			require.ErrorIs(t, tc.change(t, r), tc.want)
			if tc.want != nil {
				require.Equal(t, before, tree(t, dir))
			}
		})
	}
}

// Without a root the keys of the targets draft are not known: signing it fails.
func TestTargetsDraftWithoutARoot(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	drafted(t, r)
	require.NoError(t, r.root.Remove(filepath.Join(layout.MetadataDir, publish.RootDraft)))
	before := tree(t, dir)
	signer, _ := seeded(t, targetsSeed)
	_, err := r.SignTUF(t.Context(), SignTUFRequest{Signer: signer, Now: now})
	require.ErrorIs(t, err, publish.ErrMissing)
	require.Equal(t, before, tree(t, dir))
}

// A lost timestamp is made anew only if the caller says that it is lost, with a version
// that clients accept who have seen the lost one.
func TestLostTimestamp(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	clock := time.Now()
	refresh := func(lost bool) error {
		_, err := r.RefreshTUF(t.Context(), RefreshTUFRequest{TUF: tufWith(t, releaseSeed, onlineSeed), Now: clock, LostTimestamp: lost})
		return err
	}
	draftedAt(t, r, clock)
	require.NoError(t, signRoot(t.Context(), t, r))
	require.ErrorIs(t, refresh(true), publish.ErrRequest, "there never was one")
	_, err := r.RefreshTUF(t.Context(), RefreshTUFRequest{TUF: tufWith(t, targetsSeed, releaseSeed, onlineSeed), Now: clock})
	require.NoError(t, err)
	req := request(t, 1)
	req.Now, req.Expires, req.TUF = clock, clock.AddDate(1, 0, 0), tufWith(t, onlineSeed)
	_, err = r.Add(t.Context(), req)
	require.NoError(t, err)
	at := Location{req.Version, "linux", "amd64"}

	first, err := os.ReadFile(filepath.Join(dir, layout.MetadataDir, "1.root.json"))
	require.NoError(t, err)
	seen := &client.Client{Root: first, Store: &client.Memory{}, Now: func() time.Time { return clock }}
	sees := func() int64 {
		view, err := seen.Refresh(t.Context(), served(dir))
		require.NoError(t, err)
		_, timestamp, snapshot, _ := view.Versions()
		require.Equal(t, int64(2), snapshot)
		return timestamp
	}
	require.Equal(t, int64(2), sees())
	before := tree(t, dir)
	require.ErrorIs(t, refresh(true), publish.ErrRequest, "it is there")
	require.Equal(t, before, tree(t, dir))

	require.NoError(t, os.Remove(filepath.Join(dir, layout.MetadataDir, publish.TimestampFile)))
	before = tree(t, dir)
	require.ErrorIs(t, refresh(false), publish.ErrMissing)
	require.Equal(t, before, tree(t, dir))
	release := filepath.Join(dir, filepath.FromSlash(at.document()))
	require.NoError(t, os.Rename(release, release+".away"))
	require.ErrorIs(t, refresh(true), trust.ErrMismatch, "a release that is not here would be lost")
	require.NoError(t, os.Rename(release+".away", release))
	require.Equal(t, before, tree(t, dir))
	require.NoError(t, refresh(true))
	require.Equal(t, clock.Unix(), sees())
	clock = clock.Add(time.Hour * 60)
	require.NoError(t, refresh(false))
	require.Equal(t, clock.Unix()-60*3600+1, sees())
}

// served is a repository as a client downloads it.
type served string

func (s served) Fetch(_ context.Context, name string, _ int64) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(string(s), layout.MetadataDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		err = fetch.ErrNotFound
	}
	return raw, err
}
