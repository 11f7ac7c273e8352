// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/trust"
)

// faulty is a store whose n-th written file fails. A dead one does nothing more.
type faulty struct {
	Store
	n       int
	how     fault
	calls   []string // the files written, in order
	batches int      // updates that wrote something
	dead    bool
}

type fault int

const (
	failing   fault = iota // nothing is written, and it is reported
	dying                  // nothing is written, and nothing after it
	tooLate                // all is written, and it is reported as failed
	deadAfter              // all is written, and nothing after it
)

var errFault = errors.New("injected fault")

func (f *faulty) Read(name string, limit int64) ([]byte, error) {
	if f.dead {
		return nil, errFault
	}
	return f.Store.Read(name, limit)
}

func (f *faulty) Update(ctx context.Context, change func() ([]store.File, error)) error {
	if f.dead {
		return errFault
	}
	var failed error
	err := f.Store.Update(ctx, func() ([]store.File, error) {
		files, err := change()
		if err != nil {
			return nil, err
		}
		f.batches++
		for i, file := range files {
			f.calls = append(f.calls, file.Name)
			if len(f.calls) != f.n {
				continue
			}
			failed, f.dead = errFault, f.how == dying || f.how == deadAfter
			if f.how == tooLate || f.how == deadAfter {
				i++
			}
			return files[:i], nil
		}
		return files, nil
	})
	if err == nil {
		err = failed
	}
	return err
}

// step is a state of a repository.
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

// A refresh that is stopped at any file that it writes, by an error or by its death,
// leaves a store from which the next one goes on. That accepts no less than what the
// stopped one stored.
func TestEveryWrite(t *testing.T) {
	race.Skip(t, "one goroutine writes and reads the files")
	for _, s := range steps {
		for how, name := range []string{"failing", "dying", "failing too late", "dying too late"} {
			t.Run(s.name+", "+name, func(t *testing.T) {
				writes := 0
				for n := 1; ; n++ {
					w := newWorld(t)
					s.build(w)
					store := &faulty{Store: w.store, n: n, how: fault(how)}
					_, err := refreshed(t, w.client(store), w.Repo)
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

// Floors are written before the metadata that they speak of: if a file is lost after
// a sudden death, what it said is not forgotten.
func TestFloorsAreWrittenFirst(t *testing.T) {
	w := newWorld(t)
	w.accepts()
	w.Publish(root, targets, snapshot, timestamp)
	store := &faulty{Store: w.store}
	_, err := refreshed(t, w.client(store), w.Repo)
	require.NoError(t, err)
	require.Equal(t, []string{floorsFile, "2.root.json", "timestamp.json", "snapshot.json", "targets.json"}, store.calls)

	for n := 1; n <= len(store.calls); n++ {
		w := newWorld(t)
		w.accepts()
		w.Publish(timestamp)
		dead := &faulty{Store: w.store, n: n, how: deadAfter}
		if _, err = refreshed(t, w.client(dead), w.Repo); err == nil {
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

// A file that exists and cannot be read is an error.
func TestUnreadableStore(t *testing.T) {
	for _, file := range []string{floorsFile, "2.root.json", "timestamp.json", "snapshot.json", "targets.json"} {
		w := newWorld(t)
		w.accepts()
		store := unreadable{w.store, file}
		_, err := refreshed(t, w.client(store), w.Repo)
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
