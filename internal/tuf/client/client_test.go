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

func (w *world) refresh() (*View, error) { return w.client(w.store).Refresh(w.t.Context(), w.Repo) }

func (w *world) accepts() *View {
	w.t.Helper()
	view, err := w.refresh()
	require.NoError(w.t, err)
	return view
}

// refuses also asserts that what was believed before did not go down.
func (w *world) refuses(want error) error {
	w.t.Helper()
	before := w.versions()
	view, err := w.refresh()
	require.ErrorIs(w.t, err, want)
	require.Nil(w.t, view)
	for role, version := range w.versions() {
		require.GreaterOrEqual(w.t, version, before[role], role)
	}
	return err
}

// versions are those of the stored top-level roles.
func (w *world) versions() map[string]int64 {
	got := map[string]int64{}
	if md, err := parse[timestampType](w.stored("timestamp.json")); err == nil {
		got[timestamp] = md.Signed.Version
	}
	if md, err := parse[snapshotType](w.stored("snapshot.json")); err == nil {
		got[snapshot] = md.Signed.Version
	}
	if md, err := parse[targetsType](w.stored("targets.json")); err == nil {
		got[targets] = md.Signed.Version
	}
	return got
}

func (w *world) stored(name string) []byte {
	data, err := w.store.Read(name, MaxTargets)
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

func TestLoadAsksNobody(t *testing.T) {
	w := newWorld(t)
	w.AddTarget(targets, "file", []byte("content"))
	w.PublishAll(targets)
	w.Publish(root)
	_, err := w.client(w.store).Load(t.Context())
	require.Error(t, err)
	require.Empty(t, w.store.files)
	require.Empty(t, w.Asked())

	w.accepts()
	w.Asked()
	before := maps.Clone(w.store.files)
	w.now = w.now.Add(day)
	view, err := w.client(w.store).Load(t.Context())
	require.NoError(t, err)
	r, ts, sn, tg := view.Versions()
	require.Equal(t, []int64{2, 2, 2, 2}, []int64{r, ts, sn, tg})
	target, err := view.Target(t.Context(), "file")
	require.NoError(t, err)
	require.NoError(t, target.Verify([]byte("content")))
	require.ErrorIs(t, target.Verify([]byte("other")), trust.ErrMismatch)
	require.Empty(t, w.Asked())
	require.Equal(t, before, w.store.files, "it writes nothing")

	w.now = began.Add(tufsim.Lifetime)
	_, err = w.client(w.store).Load(t.Context())
	require.ErrorIs(t, err, trust.ErrExpired)
}

// Load says what is wrong with what is stored.
func TestLoadRefuses(t *testing.T) {
	for name, want := range map[string]error{
		"timestamp.json": trust.ErrSignature, "snapshot.json": trust.ErrSignature, "targets.json": trust.ErrMismatch,
	} {
		w := newWorld(t)
		w.Hashes = true
		w.PublishAll(targets)
		w.accepts()
		w.store.files[name] = append([]byte(" "), w.store.files[name][:20]...)
		_, err := w.client(w.store).Load(t.Context())
		require.ErrorIs(t, err, want, name)
		delete(w.store.files, name)
		_, err = w.client(w.store).Load(t.Context())
		require.ErrorIs(t, err, errNobodyAsked, name)
	}
}

// What is stored has the limits of what is fetched.
func TestStoredFilesAreCapped(t *testing.T) {
	w := newWorld(t)
	w.accepts()
	padded := append(w.stored("timestamp.json"), bytes.Repeat([]byte(" "), MaxTimestamp)...)
	w.store.files["timestamp.json"] = padded[:MaxTimestamp]
	_, err := w.client(w.store).Load(t.Context())
	require.NoError(t, err)
	w.store.files["timestamp.json"] = padded[:MaxTimestamp+1]
	_, err = w.client(w.store).Load(t.Context())
	require.ErrorIs(t, err, trust.ErrSignature)
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
