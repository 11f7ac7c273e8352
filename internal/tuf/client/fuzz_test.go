// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/testing/tufsim"
	"github.com/choria-io/go-updater/internal/tuf"
)

// places are the files that FuzzRefresh replaces: the first five are in the
// repository, the others in the store.
var places = []string{
	"3.root.json", "timestamp.json", "3.snapshot.json", "3.targets.json", "2.A.json",
	"2.root.json", "timestamp.json", "snapshot.json", "targets.json", "role-A", floorsFile,
}

const remotePlaces = 5

// fuzzWorld is a repository and a client that has seen all but the latest of it.
type fuzzWorld struct {
	*tufsim.Repo
	first []byte
	store map[string][]byte
	now   time.Time
}

func newFuzzWorld(tb testing.TB) *fuzzWorld {
	repo := tufsim.New(began)
	w := &fuzzWorld{Repo: repo, first: repo.Latest(root), now: began.Add(time.Hour)}
	w.Publish(root)
	w.Delegate(targets, metadata.DelegatedRole{Name: "A", Paths: []string{"*"}}, w.NewKey())
	w.AddTarget("A", "file", []byte("content"))
	w.PublishAll("A", targets)
	store := &Memory{}
	view, err := w.client(store).Refresh(context.Background(), w)
	require.NoError(tb, err)
	_, err = view.Target(context.Background(), "file")
	require.NoError(tb, err)
	w.store = store.files
	w.Publish(root)
	w.PublishAll("A", targets)
	return w
}

func (w *fuzzWorld) client(store Store) *Client {
	return &Client{Root: w.first, Store: store, Now: func() time.Time { return w.now }}
}

// signed returns every payload that was ever signed.
func (w *fuzzWorld) signed(tb testing.TB) (all [][]byte) {
	for _, versions := range w.Signed {
		for _, raw := range versions {
			all = append(all, payload(tb, raw))
		}
	}
	return all
}

func payload(tb testing.TB, raw []byte) []byte {
	var md struct {
		Signed any `json:"signed"`
	}
	require.NoError(tb, json.Unmarshal(raw, &md))
	plain, err := json.Marshal(md.Signed)
	require.NoError(tb, err)
	return plain
}

// FuzzRefresh replaces one file of the repository or of the store. The client does not
// panic, stores only what was signed, and accepts nothing older than it has seen.
func FuzzRefresh(f *testing.F) {
	race.Skip(f, "one goroutine parses each input")
	w := newFuzzWorld(f)
	for i, name := range places {
		raw := w.store[name]
		switch {
		case i < remotePlaces:
			raw, _ = w.Fetch(context.Background(), name, tuf.MaxTargets)
		case name == "role-A":
			raw = w.store[tuf.StoredName("A")]
		}
		f.Add(uint8(i), raw)
		for _, old := range []string{`"version":3`, `"version":2`, `"targets.json":{`, `"meta":{`, `"roles":`, `"sig":"`, `"keys":{`} {
			for _, next := range []string{`"version":1`, `"version":null`, `null`, `"":null,`, `"VERSION":9,` + old} {
				if bytes.Contains(raw, []byte(old)) {
					f.Add(uint8(i), bytes.Replace(raw, []byte(old), []byte(next), 1))
				}
			}
		}
	}
	signed := w.signed(f)
	f.Fuzz(func(t *testing.T, place uint8, data []byte) {
		i := int(place) % len(places)
		store := &Memory{files: maps.Clone(w.store)}
		fetcher := fetcher(func(name string, limit int64) ([]byte, error) {
			if i < remotePlaces && name == places[i] {
				if int64(len(data)) > limit {
					return nil, fetch.ErrTooLarge
				}
				return data, nil
			}
			return w.Fetch(context.Background(), name, limit)
		})
		switch {
		case i >= remotePlaces && places[i] == "role-A":
			store.files[tuf.StoredName("A")] = data
		case i >= remotePlaces:
			store.files[places[i]] = data
		}
		view, err := w.client(store).Refresh(context.Background(), fetcher)
		if err != nil {
			require.Nil(t, view)
			require.False(t, i >= remotePlaces, "one damaged file in the store is no reason to fail: %v", err)
		} else {
			target, err := view.Target(context.Background(), "file")
			if err == nil {
				require.NoError(t, target.Verify([]byte("content")))
			}
			r, ts, sn, tg := view.Versions()
			require.GreaterOrEqual(t, min(r, ts, sn, tg), int64(2))
		}
		for name, raw := range store.files {
			if name == floorsFile || i >= remotePlaces && bytes.Equal(raw, data) {
				continue // it has a checksum, or was not read yet
			}
			got := payload(t, raw)
			require.True(t, slices.ContainsFunc(signed, func(s []byte) bool { return bytes.Equal(s, got) }), "%s was not signed", name)
		}
	})
}
