// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

// faulty is a store whose n-th write fails, as told. A dead one does nothing more.
type faulty struct {
	Store
	n     int
	how   fault
	calls []string
	dead  bool
}

type fault int

const (
	failing   fault = iota // nothing is written, and it is said so
	dying                  // nothing is written, and nothing after it
	tooLate                // all is written, and it is said that it failed
	deadAfter              // all is written, and nothing after it
)

var errFault = errors.New("injected fault")

func (f *faulty) Read(name string, limit int64) ([]byte, error) {
	if f.dead {
		return nil, errFault
	}
	return f.Store.Read(name, limit)
}

func (f *faulty) Write(name string, data []byte) error {
	if f.dead {
		return errFault
	}
	f.calls = append(f.calls, name)
	if len(f.calls) != f.n {
		return f.Store.Write(name, data)
	}
	f.dead = f.how == dying || f.how == deadAfter
	if f.how == tooLate || f.how == deadAfter {
		if err := f.Store.Write(name, data); err != nil {
			return err
		}
	}
	return errFault
}

// step is a state of a repository, told by a world.
type step struct {
	name  string
	build func(w *world)
}

var steps = []step{
	{"from nothing", func(*world) {}},
	{"after a new timestamp", func(w *world) { w.accepts(); w.Publish(timestamp) }},
	{"after everything is new", func(w *world) { w.accepts(); w.Publish(root, targets, snapshot, timestamp) }},
	{"after all keys are new", func(w *world) {
		w.accepts()
		for _, role := range []string{timestamp, snapshot, targets} {
			w.Rotate(role)
		}
		w.Publish(root)
		w.PublishAll(targets)
		w.Publish(root)
	}},
}

// A refresh that is stopped at any write, by an error or by its death, leaves what
// the next one can go on with; it never believes less than the stopped one stored.
func TestEveryWrite(t *testing.T) {
	for _, s := range steps {
		for how, name := range []string{"failing", "dying", "failing too late", "dying too late"} {
			t.Run(s.name+", "+name, func(t *testing.T) {
				writes := 0
				for n := 1; ; n++ {
					w := newWorld(t)
					s.build(w)
					store := &faulty{Store: w.store, n: n, how: fault(how)}
					_, err := w.client(store).Refresh(t.Context(), w.Repo)
					if len(store.calls) < n {
						require.NoError(t, err)
						break
					}
					writes++
					require.ErrorIs(t, err, ErrState, "%d: %v", n, store.calls)
					require.ErrorIs(t, err, errFault)
					before := w.versions()
					w.accepts()
					for role, version := range w.versions() {
						require.GreaterOrEqual(t, version, before[role], role)
					}
					w.accepts()
					seen := w.versions()[timestamp]
					if seen > 1 && len(w.Signed[root]) == 1 {
						w.Signed[timestamp] = w.Signed[timestamp][:seen-1]
						w.refuses(trust.ErrRollback)
					}
				}
				require.Positive(t, writes)
			})
		}
	}
}

// Whatever was written last, the floors know of it: what is deleted after a sudden
// death is not forgotten.
func TestFloorsAreWrittenFirst(t *testing.T) {
	w := newWorld(t)
	w.accepts()
	w.Publish(root, targets, snapshot, timestamp)
	store := &faulty{Store: w.store}
	_, err := w.client(store).Refresh(t.Context(), w.Repo)
	require.NoError(t, err)
	for _, name := range []string{"timestamp.json", "snapshot.json", "targets.json"} {
		require.Contains(t, store.calls, name)
	}
	at := func(name string) int { return slices.Index(store.calls, name) }
	require.Equal(t, "2.root.json", store.calls[0], "roots before everything")
	require.Less(t, at(floorsFile), at("timestamp.json"))
	require.Less(t, at("timestamp.json"), at("snapshot.json"))
	require.Less(t, at("snapshot.json"), at("targets.json"))

	for n := 1; n <= len(store.calls); n++ {
		w := newWorld(t)
		w.accepts()
		w.Publish(timestamp)
		dead := &faulty{Store: w.store, n: n, how: deadAfter}
		if _, err = w.client(dead).Refresh(t.Context(), w.Repo); err == nil {
			break
		}
		if !slices.Contains(dead.calls, "timestamp.json") {
			continue
		}
		delete(w.store.files, "timestamp.json")
		w.Signed[timestamp] = w.Signed[timestamp][:1]
		w.refuses(trust.ErrRollback)
	}
}

// A refresh of what did not change writes that it was fresh, and nothing else.
func TestWritesAreFew(t *testing.T) {
	w := newWorld(t)
	w.accepts()
	w.now = w.now.Add(1)
	store := &faulty{Store: w.store}
	_, err := w.client(store).Refresh(t.Context(), w.Repo)
	require.NoError(t, err)
	require.Equal(t, []string{floorsFile}, store.calls)
	store.calls = nil
	_, err = w.client(store).Refresh(t.Context(), w.Repo)
	require.NoError(t, err)
	require.Empty(t, store.calls)
}

// What cannot be read, for other reasons than that it is not there, is not passed
// over.
func TestUnreadableStore(t *testing.T) {
	for _, file := range []string{floorsFile, "2.root.json", "timestamp.json", "snapshot.json", "targets.json"} {
		w := newWorld(t)
		w.accepts()
		store := unreadable{w.store, file}
		_, err := w.client(store).Refresh(t.Context(), w.Repo)
		require.ErrorIs(t, err, ErrState, file)
		require.ErrorIs(t, err, errFault, file)
	}
}

// unreadable is a store with one file that cannot be read.
type unreadable struct {
	Store
	file string
}

func (u unreadable) Read(name string, limit int64) ([]byte, error) {
	if name == u.file {
		return nil, errFault
	}
	return u.Store.Read(name, limit)
}

func TestDir(t *testing.T) {
	w := newWorld(t)
	dir := Dir{t.TempDir(), store.ReadFile, store.WriteFile}
	_, err := dir.Read("timestamp.json", 10)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = w.client(dir).Refresh(t.Context(), w.Repo)
	require.NoError(t, err)
	_, err = w.client(dir).Load(t.Context())
	require.NoError(t, err)
	data, err := dir.Read("timestamp.json", MaxTimestamp)
	require.NoError(t, err)
	require.Equal(t, w.Latest(timestamp), data)
	data, err = dir.Read("timestamp.json", 10)
	require.NoError(t, err)
	require.Len(t, data, 11)
}

func TestRoleFile(t *testing.T) {
	require.Equal(t, "targets.json", roleFile(targets))
	seen := map[string]bool{}
	for _, role := range []string{"a", "A", "../a", "floors", "1.root", "CON", "con", "", "a.", "a ", strings.Repeat("x", 1000)} {
		name := roleFile(role)
		require.Regexp(t, `^role-[0-9a-f]{64}\.json$`, name)
		require.False(t, seen[strings.ToLower(name)])
		seen[strings.ToLower(name)] = true
	}
}
