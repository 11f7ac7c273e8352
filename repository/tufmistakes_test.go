// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/signing/tuf"
	"github.com/choria-io/go-updater/trust"
)

// A key that has no role is refused, not passed over: who gave it believes that it
// has signed.
func TestStrangersAreRefused(t *testing.T) {
	rotate := func(role string, add []trust.Key, seeds ...byte) func(t *testing.T, r *Repository) error {
		return func(t *testing.T, r *Repository) error {
			_, err := r.RotateTUF(t.Context(), tufWith(t, seeds...), tuf.Rotation{Roles: []string{role}, Add: add, Now: now})
			return err
		}
	}
	comes := keyOfSeed(t, 77)
	for name, tc := range map[string]struct {
		change func(t *testing.T, r *Repository) error
		want   error
	}{
		"rotate, no role":                  {rotate(tuf.Root, nil, rootSeed, 55), tuf.ErrKey},
		"rotate, a root key for bins":      {rotate(tuf.Bins, nil, rootSeed), tuf.ErrKey},
		"rotate, the keys of all roles":    {rotate(tuf.Root, nil, rootSeed, targetsSeed, releaseSeed, onlineSeed), nil},
		"rotate, a key that comes":         {rotate(tuf.Snapshot, comes, 77), nil},
		"rotate, a release key that comes": {rotate(tuf.Bins, comes, 77), nil},
		"sign, no role": {func(t *testing.T, r *Repository) error {
			signer, _ := seeded(t, rootSeed)
			_, err := r.SignTUF(t.Context(), SignTUFRequest{Signer: signer, Now: now, TUF: tufWith(t, 55)})
			return err
		}, tuf.ErrKey},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := create(t, dir)
			withTUF(t, r)
			require.NoError(t, rotate(tuf.Root, nil)(t, r))
			before := tree(t, dir)
			require.ErrorIs(t, tc.change(t, r), tc.want)
			if tc.want != nil {
				require.Equal(t, before, tree(t, dir))
			}
		})
	}
}

// Without a root nobody knows whose the targets draft is: that is no success.
func TestTargetsDraftWithoutARoot(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	drafted(t, r)
	require.NoError(t, r.root.Remove(filepath.Join(tuf.Dir, tuf.RootDraft)))
	before := tree(t, dir)
	signer, _ := seeded(t, targetsSeed)
	_, err := r.SignTUF(t.Context(), SignTUFRequest{Signer: signer, Now: now})
	require.ErrorIs(t, err, tuf.ErrMissing)
	require.Equal(t, before, tree(t, dir))
}
