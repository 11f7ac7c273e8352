// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/tufsim"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// surveyed walks all bins of a repository.
func surveyed(t *testing.T, w *world) (*Survey, []*tuf.TargetsMeta) {
	t.Helper()
	s, err := w.client(w.store).Survey(t.Context(), w.Repo)
	require.NoError(t, err)
	if s.Targets == nil {
		return s, nil
	}
	found, err := s.Walk(t.Context(), binsOf(s.Targets))
	require.NoError(t, err)
	return s, found
}

func binsOf(targets *tuf.TargetsMeta) (all []tuf.Delegation) {
	d := targets.Signed.Delegations
	for _, name := range d.SuccinctRoles.GetRoles() {
		all = append(all, tuf.Delegation{Role: name, Keys: tuf.BinKeyring(d)})
	}
	return all
}

func withBins(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.Bins(targets, 2, "bin", w.NewKey())
	w.PublishAll("bin-0", "bin-1", "bin-2", "bin-3", targets)
	return w
}

// A survey sees everything and stores nothing.
func TestSurvey(t *testing.T) {
	w := withBins(t)
	s, found := surveyed(t, w)
	require.Empty(t, s.Faults)
	require.Len(t, found, 4)
	require.NotContains(t, found, (*tuf.TargetsMeta)(nil))
	require.Equal(t, []int64{1, 2, 2, 2}, []int64{s.Root.Signed.Version, s.Timestamp.Signed.Version, s.Snapshot.Signed.Version, s.Targets.Signed.Version})
	require.Empty(t, w.store.files)
	_, err := s.View.Target(t.Context(), "absent")
	require.Error(t, err)
	require.Empty(t, w.store.files)
}

// The first fault is the error of a refresh. A refresh ends at the first expired file,
// a survey goes on.
func TestSurveyAgreesWithRefresh(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(w *world)
		more  []error // beyond the first
	}{
		"timestamp unsigned":  {func(w *world) { w.Signers[timestamp] = nil; w.Publish(timestamp) }, nil},
		"snapshot malformed":  {func(w *world) { w.ReplaceLatest(snapshot, []byte("{}")) }, nil},
		"targets of another":  {func(w *world) { w.Signers[targets] = []*tufsim.Key{w.NewKey()}; w.PublishAll(targets) }, nil},
		"root is another":     {func(w *world) { w.Signers[root] = nil; w.Publish(root) }, nil},
		"everything expired":  {func(w *world) { w.now = w.In(tufsim.Lifetime) }, []error{trust.ErrExpired, trust.ErrExpired, trust.ErrExpired}},
		"expired and missing": {func(w *world) { w.now = w.In(tufsim.Lifetime); delete(w.Signed, snapshot) }, []error{trust.ErrExpired, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			w := withBins(t)
			tc.spoil(w)
			s, err := w.client(w.store).Survey(t.Context(), w.Repo)
			require.NoError(t, err)
			_, err = w.client(&Memory{}).Refresh(t.Context(), w.Repo)
			require.Error(t, err)
			require.EqualError(t, s.Faults[0], err.Error())
			require.Len(t, s.Faults, 1+len(tc.more))
			for i, want := range tc.more {
				if want != nil {
					require.ErrorIs(t, s.Faults[1+i], want)
				}
			}
		})
	}
}

// A bin that is refused does not hide the others.
func TestSurveyGoesOnAfterABin(t *testing.T) {
	w := withBins(t)
	w.Signers["bin-1"] = nil
	w.Roles["bin-2"].Expires = w.now
	w.PublishAll("bin-1", "bin-2")
	delete(w.Signed, "bin-3")
	s, found := surveyed(t, w)
	require.Len(t, s.Faults, 3)
	require.ErrorIs(t, s.Faults[0], trust.ErrUnsigned)
	require.ErrorIs(t, s.Faults[1], trust.ErrExpired)
	require.ErrorContains(t, s.Faults[2], "bin-3")
	require.NotNil(t, found[0])
	require.Nil(t, found[1])
	require.NotNil(t, found[2], "it has only expired")
	require.Nil(t, found[3])
}

func TestSurveyCancelled(t *testing.T) {
	w := withBins(t)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := w.client(w.store).Survey(ctx, w.Repo)
	require.NoError(t, err)
	cancel()
	_, err = s.Walk(ctx, binsOf(s.Targets))
	require.ErrorIs(t, err, context.Canceled)
	_, err = w.client(w.store).Survey(ctx, w.Repo)
	require.ErrorIs(t, err, context.Canceled)
}
