// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// delegating is a world with one delegated role that lists "file".
func delegating(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.Delegate(targets, metadata.DelegatedRole{Name: "A", Paths: []string{"*"}}, w.NewKey())
	w.AddTarget("A", "file", []byte("content"))
	w.PublishAll("A", targets)
	return w
}

// A refresh and one target are one batch, at its end.
func TestOneBatch(t *testing.T) {
	w := delegating(t)
	w.Publish(root)
	store := &faulty{Store: w.store}
	view, err := w.client(store).Refresh(t.Context(), w.Repo)
	require.NoError(t, err)
	require.Empty(t, store.calls, "not at the end of the refresh")
	_, err = view.Target(t.Context(), "file")
	require.NoError(t, err)
	require.Equal(t, 1, store.batches)
	require.Equal(t, []string{floorsFile, "2.root.json", "timestamp.json", "snapshot.json", "targets.json", tuf.StoredName("A")}, store.calls)

	_, err = view.Target(t.Context(), "file")
	require.NoError(t, err)
	require.Equal(t, 1, store.batches, "nothing is pending any more")
	_, err = view.Target(t.Context(), "absent")
	require.ErrorIs(t, err, fetch.ErrNotFound)
	require.Equal(t, 1, store.batches)
}

// A target that is not found, and a role that is refused, store what was accepted.
func TestFailedTargetIsStored(t *testing.T) {
	w := delegating(t)
	view, err := w.client(w.store).Refresh(t.Context(), w.Repo)
	require.NoError(t, err)
	_, err = view.Target(t.Context(), "dir/absent")
	require.ErrorIs(t, err, fetch.ErrNotFound)
	require.Equal(t, map[string]int64{timestamp: 2, snapshot: 2, targets: 2}, w.versions())
}

// A refresh that fails stores what was accepted until then.
func TestFailedRefreshIsStored(t *testing.T) {
	w := newWorld(t)
	w.accepts()
	w.Publish(root, targets, snapshot, timestamp)
	w.Signers[snapshot] = nil
	w.Publish(snapshot, timestamp)
	store := &faulty{Store: w.store}
	_, err := w.client(store).Refresh(t.Context(), w.Repo)
	require.ErrorIs(t, err, trust.ErrUnsigned)
	require.NotErrorIs(t, err, ErrState)
	require.Equal(t, []string{floorsFile, "2.root.json", "timestamp.json"}, store.calls)
	w.Signed[timestamp] = w.Signed[timestamp][:2]
	w.refuses(trust.ErrRollback)

	w = newWorld(t)
	w.Signers[snapshot] = nil
	w.PublishAll()
	_, err = w.client(&faulty{Store: w.store, n: 1}).Refresh(t.Context(), w.Repo)
	require.ErrorIs(t, err, trust.ErrUnsigned)
	require.ErrorIs(t, err, ErrState, "both are reported")
}

// A refresh that accepts nothing writes nothing.
func TestRefreshThatAcceptsNothing(t *testing.T) {
	w := newWorld(t)
	store := &faulty{Store: w.store}
	_, err := w.client(store).Refresh(t.Context(), fetcher(func(string, int64) ([]byte, error) { return nil, fetch.ErrStalled }))
	require.ErrorIs(t, err, fetch.ErrStalled)
	require.Empty(t, store.calls)
}

// A file that did not change is not written, and the time alone only after an hour.
func TestWritesAreFew(t *testing.T) {
	w := newWorld(t)
	w.accepts()
	began := w.now
	for _, step := range []struct {
		after time.Duration
		want  []string
	}{
		{0, nil}, {time.Second, nil}, {time.Hour - 1, nil}, {time.Hour, []string{floorsFile}},
		{time.Hour + 1, nil}, {2*time.Hour - 1, nil}, {2 * time.Hour, []string{floorsFile}},
	} {
		w.now = began.Add(step.after)
		store := &faulty{Store: w.store}
		_, err := refreshed(t, w.client(store), w.Repo)
		require.NoError(t, err)
		require.Equal(t, step.want, store.calls, step.after)
	}
	w.now = began.Add(2*time.Hour + time.Minute)
	w.Publish(timestamp)
	store := &faulty{Store: w.store}
	_, err := refreshed(t, w.client(store), w.Repo)
	require.NoError(t, err)
	require.Equal(t, []string{floorsFile, "timestamp.json"}, store.calls)
	f, err := tuf.ParseFloors(w.stored(floorsFile))
	require.NoError(t, err)
	require.Equal(t, w.now, f.Seen, "it is written with anything else")
}

// meanwhile is a fetcher that calls happens during the first download of a file.
func (w *world) meanwhile(file string, happens func()) fetcher {
	return func(name string, limit int64) ([]byte, error) {
		if name == file && happens != nil {
			happens()
			happens = nil
		}
		return w.Fetch(w.t.Context(), name, limit)
	}
}

// No lock is held over the network: another process can update the store during a
// download.
func TestNoLockOverTheNetwork(t *testing.T) {
	w := delegating(t)
	files := 0
	view, err := w.client(w.store).Refresh(t.Context(), fetcher(func(name string, limit int64) ([]byte, error) {
		files++
		require.True(t, w.store.updating.TryLock(), name)
		w.store.updating.Unlock()
		return w.Fetch(t.Context(), name, limit)
	}))
	require.NoError(t, err)
	_, err = view.Target(t.Context(), "file")
	require.NoError(t, err)
	require.Greater(t, files, 4)
}

// What another process accepted in the meantime is not lowered: the call begins
// again.
func TestAnotherProcessIsAhead(t *testing.T) {
	w := delegating(t)
	w.accepts()
	w.Publish(timestamp)
	old := w.Latest(timestamp)
	fetches := 0
	view, err := w.client(w.store).Refresh(t.Context(), fetcher(func(name string, limit int64) ([]byte, error) {
		if name != "timestamp.json" {
			return w.Fetch(t.Context(), name, limit)
		}
		if fetches++; fetches == 1 {
			return old, nil // a mirror that lags behind
		}
		return w.Latest(timestamp), nil
	}))
	require.NoError(t, err)
	w.Publish(timestamp)
	w.accepts()
	_, err = view.Target(t.Context(), "file")
	require.NoError(t, err)
	require.Equal(t, 2, fetches)
	_, stamp, _, _ := view.Versions()
	require.Equal(t, int64(4), stamp, "the view is the one of the second attempt")
	require.Equal(t, int64(4), w.versions()[timestamp])
	f, err := tuf.ParseFloors(w.stored(floorsFile))
	require.NoError(t, err)
	require.ErrorIs(t, f.CheckTimestamp(tuf.RootKeyring(w.Root, timestamp), parsed(t, old)), trust.ErrRollback)
}

func parsed(t *testing.T, raw []byte) *metadata.TimestampType {
	t.Helper()
	md, err := tuf.Parse[timestampType](raw)
	require.NoError(t, err)
	return &md.Signed
}

// A repository that is older than what another process accepted in the meantime is
// refused in the second attempt, and so is one whose first attempt failed.
func TestAnotherProcessIsAheadOfTheRepository(t *testing.T) {
	for name, spoil := range map[string]func(w *world){
		"that is sound":   func(*world) {},
		"that is refused": func(w *world) { w.Signers[snapshot] = nil; w.Publish(snapshot, timestamp) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.accepts()
			ahead := newWorld(t)
			ahead.store = w.store
			for range 5 {
				ahead.Publish(timestamp)
			}
			w.Publish(timestamp)
			spoil(w)
			view, err := w.client(w.store).Refresh(t.Context(), w.meanwhile("timestamp.json", func() { ahead.accepts() }))
			if err == nil {
				err = view.Save(t.Context())
			}
			require.ErrorIs(t, err, trust.ErrRollback)
			require.Equal(t, int64(6), w.versions()[timestamp])
		})
	}
}

// If another process changed only the time, nothing begins again, and the later time is
// kept.
func TestLaterTimeIsKept(t *testing.T) {
	w := newWorld(t)
	w.accepts()
	w.Publish(timestamp)
	other := &world{Repo: w.Repo, t: t, store: w.store, now: w.now.Add(5 * time.Hour), first: w.first}
	fetches := 0
	view, err := w.client(w.store).Refresh(t.Context(), fetcher(func(name string, limit int64) ([]byte, error) {
		if name == "timestamp.json" {
			if fetches++; fetches == 1 {
				latest := w.Signed[timestamp]
				w.Signed[timestamp] = latest[:1]
				other.accepts()
				w.Signed[timestamp] = latest
			}
		}
		return w.Fetch(t.Context(), name, limit)
	}))
	require.NoError(t, err)
	require.NoError(t, view.Save(t.Context()))
	require.Equal(t, 1, fetches, "no second attempt")
	f, err := tuf.ParseFloors(w.stored(floorsFile))
	require.NoError(t, err)
	require.Equal(t, other.now, f.Seen)
	require.Equal(t, int64(2), w.versions()[timestamp])
}

// restless is a store whose floors another process changes before every update.
type restless struct {
	*Memory
	change func()
	count  int
}

func (r *restless) Update(ctx context.Context, change func() ([]store.File, error)) error {
	r.count++
	r.change()
	return r.Memory.Update(ctx, change)
}

func TestAttemptsAreBounded(t *testing.T) {
	w := newWorld(t)
	store := &restless{Memory: w.store, change: func() {
		w.Publish(timestamp)
		w.accepts()
	}}
	_, err := refreshed(t, w.client(store), fetcher(func(name string, limit int64) ([]byte, error) {
		if name == "timestamp.json" {
			w.Publish(timestamp) // so that every attempt has something to store
		}
		return w.Fetch(t.Context(), name, limit)
	}))
	require.ErrorIs(t, err, ErrState)
	require.NotErrorIs(t, err, errRetry)
	require.ErrorContains(t, err, "other processes")
	require.Equal(t, maxAttempts, store.count)

	store.change, store.count = func() {}, 0
	_, err = refreshed(t, w.client(store), w.Repo)
	require.NoError(t, err)
}

// A caller that stops waiting for the store gets its context's error, not ErrState.
func TestCancelledWhileStoring(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	store := &waiting{Memory: w.store, began: cancel}
	view, err := w.client(store).Refresh(ctx, w.Repo)
	require.NoError(t, err)
	err = view.Save(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrState)
	require.Empty(t, w.store.files)
}

// waiting is a store that another process never unlocks.
type waiting struct {
	*Memory
	began func()
}

func (w *waiting) Update(ctx context.Context, _ func() ([]store.File, error)) error {
	w.began()
	<-ctx.Done()
	return ctx.Err()
}

func TestMemory(t *testing.T) {
	m := &Memory{}
	require.NoError(t, m.Update(t.Context(), func() ([]store.File, error) { return []store.File{{Name: "a", Data: []byte("12345")}}, nil }))
	for limit, want := range map[int64]string{10: "12345", 5: "12345", 4: "12345", 3: "1234", 0: "1"} {
		data, err := m.Read("a", limit)
		require.NoError(t, err)
		require.Equal(t, want, string(data))
	}
	require.ErrorIs(t, m.Update(t.Context(), func() ([]store.File, error) { return nil, errFault }), errFault)
}
