// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/tufsim"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

const (
	root      = tufsim.Root
	timestamp = tufsim.Timestamp
	snapshot  = tufsim.Snapshot
	targets   = tufsim.Targets

	day = 24 * time.Hour
)

var began = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// world is a client of a simulated repository.
type world struct {
	*tufsim.Repo
	t     *testing.T
	store *Memory
	now   time.Time
	first []byte
	notes []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	repo := tufsim.New(began)
	return &world{Repo: repo, t: t, store: &Memory{}, now: began.Add(time.Hour), first: repo.Latest(root)}
}

func (w *world) client(store Store) *Client {
	return &Client{
		Root: w.first, Store: store, Now: func() time.Time { return w.now },
		Note: func(message string, args ...any) { w.notes = append(w.notes, message) },
	}
}

// refresh stores what was accepted, as looking up a target does.
func (w *world) refresh() (*View, error) { return refreshed(w.t, w.client(w.store), w.Repo) }

func refreshed(t *testing.T, c *Client, f Fetcher) (*View, error) {
	t.Helper()
	view, err := c.Refresh(t.Context(), f)
	if err != nil {
		require.Nil(t, view)
		return nil, err
	}
	return view, view.Save(t.Context())
}

func (w *world) accepts() *View {
	w.t.Helper()
	view, err := w.refresh()
	require.NoError(w.t, err)
	return view
}

// refuses also asserts that no stored version went down.
func (w *world) refuses(want error) error {
	w.t.Helper()
	before := w.versions()
	_, err := w.refresh()
	require.ErrorIs(w.t, err, want)
	for role, version := range w.versions() {
		require.GreaterOrEqual(w.t, version, before[role], role)
	}
	return err
}

// versions are those of the stored top-level roles.
func (w *world) versions() map[string]int64 {
	got := map[string]int64{}
	if md, err := tuf.Parse[timestampType](w.stored("timestamp.json")); err == nil {
		got[timestamp] = md.Signed.Version
	}
	if md, err := tuf.Parse[snapshotType](w.stored("snapshot.json")); err == nil {
		got[snapshot] = md.Signed.Version
	}
	if md, err := tuf.Parse[targetsType](w.stored("targets.json")); err == nil {
		got[targets] = md.Signed.Version
	}
	return got
}

func (w *world) stored(name string) []byte {
	data, err := w.store.Read(name, tuf.MaxTargets)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	require.NoError(w.t, err)
	return data
}

func (w *world) find(target string) (*Target, error) {
	view, err := w.refresh()
	if err != nil {
		return nil, err
	}
	return view.Target(w.t.Context(), target)
}

// copyOf is a store of its own.
func copyOf(m *Memory) *Memory { return &Memory{files: maps.Clone(m.files)} }

// Stored files have the limits of downloaded ones.
func TestStoredFilesAreCapped(t *testing.T) {
	w := newWorld(t)
	w.accepts()
	padded := append(w.stored("timestamp.json"), bytes.Repeat([]byte(" "), tuf.MaxTimestamp)...)
	w.store.files["timestamp.json"] = padded[:tuf.MaxTimestamp]
	w.accepts()
	require.Len(t, w.stored("timestamp.json"), tuf.MaxTimestamp, "of one version the first is kept")
	require.Empty(t, w.notes)
	w.store.files["timestamp.json"] = padded[:tuf.MaxTimestamp+1]
	w.accepts()
	require.Equal(t, w.Latest(timestamp), w.stored("timestamp.json"))
	require.Len(t, w.notes, 1)
}

func TestCancelled(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.client(w.store).Refresh(ctx, w.Repo)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, w.Asked())
}

// A clock that is set back does not make expired metadata fresh again.
func TestClockSetBack(t *testing.T) {
	w := newWorld(t)
	w.Timestamp.Expires = w.In(2 * day)
	w.Publish(timestamp)
	w.now = began.Add(day)
	w.accepts()
	w.Timestamp.Expires = w.In(20 * time.Hour)
	w.Publish(timestamp)
	w.now = began
	w.refuses(trust.ErrExpired)
	require.Equal(t, int64(2), w.versions()[timestamp])
	w.Timestamp.Expires = w.In(3 * day)
	w.Publish(timestamp)
	w.accepts()
}

// Exactly at its expiry metadata is expired.
func TestExpiryIsExclusive(t *testing.T) {
	w := newWorld(t)
	w.now = w.In(tufsim.Lifetime).Add(-time.Nanosecond)
	w.accepts()
	w.now = w.In(tufsim.Lifetime)
	w.refuses(trust.ErrExpired)
}
