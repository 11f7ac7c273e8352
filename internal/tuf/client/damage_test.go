// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// files are what a client has stored after it looked up a target.
var files = []string{"2.root.json", "3.root.json", "timestamp.json", "snapshot.json", "targets.json", tuf.StoredName("A"), floorsFile}

// seenTwoStates returns a client that has seen two states of a repository, and what
// it had stored after the first.
func seenTwoStates(t *testing.T) (w *world, older *Memory) {
	t.Helper()
	w = newWorld(t)
	w.Publish(root)
	w.Delegate(targets, metadata.DelegatedRole{Name: "A", Paths: []string{"*"}}, w.NewKey())
	w.AddTarget("A", "file", []byte("content"))
	w.PublishAll("A", targets)
	_, err := w.find("file")
	require.NoError(t, err)
	older = copyOf(w.store)
	w.Publish(root)
	w.PublishAll("A", targets)
	_, err = w.find("file")
	require.NoError(t, err)
	require.Len(t, w.store.files, len(files))
	return w, older
}

// damages are kinds of damage to one stored file.
var damages = map[string]func(data, older []byte) []byte{
	"deleted":   func([]byte, []byte) []byte { return nil },
	"empty":     func([]byte, []byte) []byte { return []byte{} },
	"cut":       func(data, _ []byte) []byte { return data[:len(data)/2] },
	"flipped":   func(data, _ []byte) []byte { data[len(data)/2] ^= 1; return data },
	"early bit": func(data, _ []byte) []byte { data[3] ^= 0x10; return data },
	"garbage":   func([]byte, []byte) []byte { return []byte("\x00\xff garbage") },
	"null":      func([]byte, []byte) []byte { return []byte("null") },
	"huge":      func([]byte, []byte) []byte { return make([]byte, tuf.MaxTargets+1) },
	"older":     func(_, older []byte) []byte { return older },
}

func damage(m *Memory, name string, data []byte) {
	if data == nil {
		delete(m.files, name)
		return
	}
	m.files[name] = data
}

// If any one file is lost, damaged or replaced by its older version, the client
// repairs it and accepts nothing older than it has seen.
func TestOneFileDamaged(t *testing.T) {
	race.Skip(t, "one goroutine reads the damaged files")
	w, older := seenTwoStates(t)
	state := copyOf(w.store)
	for _, file := range files {
		for how, change := range damages {
			t.Run(file+" "+how, func(t *testing.T) {
				w.t = t
				damaged := func() {
					w.store = copyOf(state)
					damage(w.store, file, change(bytes.Clone(state.files[file]), older.files[file]))
				}
				for role, want := range map[string]int64{timestamp: 3, snapshot: 3, targets: 3, "A": 2, root: 3} {
					damaged()
					refusesOlder(t, w, role, want)
				}
				damaged()
				_, err := w.find("file")
				require.NoError(t, err, "it is repaired")
				for _, name := range files {
					if name != floorsFile {
						require.Equal(t, state.files[name], w.store.files[name], name)
					}
				}
				refusesOlder(t, w, timestamp, 3)
			})
		}
	}
}

// refusesOlder requires that the client refuses a repository in which one role is one
// version older than it has seen, and everything else is newer.
func refusesOlder(t *testing.T, w *world, role string, seen int64) {
	t.Helper()
	evil := &world{Repo: w.Repo, t: t, store: copyOf(w.store), now: w.now, first: w.first}
	kept := map[string][][]byte{}
	for name, versions := range w.Signed {
		kept[name] = slices.Clone(versions)
	}
	stamp, snap := *w.Timestamp, *w.Snapshot
	stampMeta, snapMeta := *w.Timestamp.Meta["snapshot.json"], *w.Snapshot.Meta["targets.json"]
	roleMeta := *w.Snapshot.Meta["A.json"]
	defer func() {
		w.Signed = kept
		*w.Timestamp, *w.Snapshot = stamp, snap
		w.Timestamp.Meta["snapshot.json"], w.Snapshot.Meta["targets.json"], w.Snapshot.Meta["A.json"] = &stampMeta, &snapMeta, &roleMeta
	}()
	switch role {
	case root:
		w.Signed[root] = w.Signed[root][:seen-1]
	case timestamp:
		w.Signed[timestamp] = w.Signed[timestamp][:seen-1]
	case snapshot:
		w.Timestamp.Meta["snapshot.json"] = &metadata.MetaFiles{Version: seen - 1}
		w.Publish(timestamp)
	default:
		w.Snapshot.Meta[role+".json"] = &metadata.MetaFiles{Version: seen - 1}
		w.Publish(snapshot, timestamp)
	}
	view, err := evil.refresh()
	if err == nil && role != root {
		_, err = view.Target(t.Context(), "file")
	}
	chain := bytes.Equal(evil.stored("2.root.json"), kept[root][1]) && bytes.Equal(evil.stored("3.root.json"), kept[root][2])
	if role == root && chain {
		require.NoError(t, err, "the chain is stored")
		return
	}
	require.ErrorIs(t, err, trust.ErrRollback, role)
}

// If the stored timestamp is replaced by an older one, the floors do not go down, not
// even if nothing else is newer.
func TestOlderTimestampIsNoFloor(t *testing.T) {
	for name, offer := range map[string]func(w *world){
		"the same again": func(w *world) { w.Signed[timestamp] = w.Signed[timestamp][:1] },
		"a newer one of an older snapshot": func(w *world) {
			w.Timestamp.Meta["snapshot.json"] = &metadata.MetaFiles{Version: 1}
			w.Publish(timestamp)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.accepts()
			older := w.stored("timestamp.json")
			w.Publish(snapshot, timestamp)
			w.accepts()
			w.store.files["timestamp.json"] = older
			offer(w)
			w.refuses(trust.ErrRollback)
		})
	}
}

// If floors and the timestamp are both lost or damaged, the versions that were seen
// are unknown, and a person has to act. The same holds for a damaged snapshot.
func TestTwoFilesDamaged(t *testing.T) {
	race.Skip(t, "one goroutine reads the damaged files")
	w, older := seenTwoStates(t)
	state := copyOf(w.store)
	for _, file := range []string{"timestamp.json", "snapshot.json"} {
		for _, lost := range []string{"deleted", "flipped"} {
			for how, change := range damages {
				if how == "older" || file == "snapshot.json" && how == "deleted" {
					continue // both are sound
				}
				t.Run(fmt.Sprintf("floors %s, %s %s", lost, file, how), func(t *testing.T) {
					w.t, w.store = t, copyOf(state)
					damage(w.store, floorsFile, damages[lost](bytes.Clone(state.files[floorsFile]), nil))
					damage(w.store, file, change(bytes.Clone(state.files[file]), older.files[file]))
					before := copyOf(w.store)
					err := w.refuses(ErrState)
					require.ErrorContains(t, err, file)
					w.refuses(ErrState)
					require.True(t, maps.EqualFunc(before.files, w.store.files, bytes.Equal), "nothing is repaired silently")
					w.store.files = nil // a person removed it
					w.accepts()
				})
			}
		}
	}
}

// If floors and the snapshot are both lost, the timestamp is the floor, and a note
// says so.
func TestFloorsAndSnapshotDeleted(t *testing.T) {
	w, _ := seenTwoStates(t)
	delete(w.store.files, "snapshot.json")
	damage(w.store, floorsFile, []byte("garbage"))
	refusesOlder(t, w, timestamp, 3)
	refusesOlder(t, w, snapshot, 3)
	w.notes = nil
	w.accepts()
	require.NotEmpty(t, w.notes)
}

// A rotation repairs a version that a thief drove up, even if only floors know it.
func TestRotationRepairs(t *testing.T) {
	for _, stored := range []bool{true, false} {
		for name, tc := range map[string]struct {
			role    string
			rotate  []string
			repairs bool
		}{
			"timestamp":                       {timestamp, []string{timestamp}, true},
			"timestamp, of another role":      {timestamp, []string{snapshot, targets}, false},
			"snapshot":                        {snapshot, []string{timestamp}, true},
			"snapshot, without the timestamp": {snapshot, []string{snapshot}, false},
			"targets":                         {targets, []string{snapshot}, true},
			"targets, without the snapshot":   {targets, []string{timestamp, targets}, false},
		} {
			t.Run(fmt.Sprint(name, ", stored ", stored), func(t *testing.T) {
				w := newWorld(t)
				w.accepts()
				// A thief drives the version up.
				driven := map[string]*int64{timestamp: &w.Timestamp.Version, snapshot: &w.Snapshot.Version, targets: &w.Targets().Version}[tc.role]
				for range 5 {
					w.Publish(tc.role)
				}
				switch tc.role {
				case targets:
					w.Publish(snapshot, timestamp)
				case snapshot:
					w.Publish(timestamp)
				}
				w.accepts()
				if !stored {
					for _, name := range []string{"timestamp.json", "snapshot.json", "targets.json"} {
						delete(w.store.files, name)
					}
				}
				for _, role := range tc.rotate {
					w.Rotate(role)
				}
				w.Publish(root)
				*driven = 2
				w.Signed[tc.role] = w.Signed[tc.role][:2]
				w.PublishAll(targets)
				if !tc.repairs {
					w.refuses(trust.ErrRollback)
					return
				}
				w.accepts()
				require.Equal(t, *driven, w.versions()[tc.role])
				w.accepts()
			})
		}
	}
}

// After a key is added, floors that the other keys vouched for still stand.
func TestAddedKeyKeepsTheFloor(t *testing.T) {
	w := newWorld(t)
	w.Publish(timestamp)
	w.accepts()
	delete(w.store.files, "timestamp.json")
	w.AddKey(timestamp, w.NewKey())
	w.Publish(root)
	w.Signed[timestamp] = w.Signed[timestamp][:1]
	w.refuses(trust.ErrRollback)
}

// A program with the root of another repository starts anew, one with a later root of
// the same repository does not.
func TestProgramWithAnotherRoot(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.Publish(root, timestamp)
	}
	w.accepts()
	other := newWorld(t)
	other.NewKey()
	for _, role := range []string{root, timestamp, snapshot, targets} {
		other.Rotate(role)
	}
	other.Restart(root, 1)
	for _, role := range []string{targets, snapshot, timestamp} {
		other.Restart(role, 1)
	}
	other.Publish(targets, snapshot, timestamp, root)
	other.first, other.store = other.Latest(root), copyOf(w.store)
	other.accepts()

	w.first = w.Signed[root][2] // a program that brings a later root
	require.Equal(t, int64(6), w.accepts().run.root.Signed.Version)
	w.Signed[timestamp] = w.Signed[timestamp][:1]
	w.refuses(trust.ErrRollback)
}

// A client that has not run since the first version follows every root.
func TestFollowsAllRootsSinceTheFirst(t *testing.T) {
	w := newWorld(t)
	w.accepts()
	for range 20 {
		for _, role := range []string{root, timestamp, snapshot, targets} {
			old := w.Signers[role]
			w.Rotate(role)
			if role == root {
				w.Signers[role] = append(w.Signers[role], old...)
			}
		}
		w.Publish(root)
		w.Signers[root] = w.Signers[root][:1]
		w.PublishAll(targets)
	}
	require.Equal(t, int64(21), w.accepts().run.root.Signed.Version)
	require.Contains(t, w.store.files, "21.root.json")
}
