// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// fetcher is a fake repository.
type fetcher func(name string, limit int64) ([]byte, error)

func (f fetcher) Fetch(_ context.Context, name string, limit int64) ([]byte, error) {
	return f(name, limit)
}

// The client does not go back to the root that the program brings. go-tuf's client does.
func TestNewestRootIsKept(t *testing.T) {
	w := newWorld(t)
	stolen := w.Signers[timestamp]
	w.Rotate(timestamp)
	w.Publish(root, timestamp)
	w.accepts()
	w.Signed[root] = w.Signed[root][:1]
	w.Signers[timestamp] = stolen
	w.Publish(timestamp)
	w.refuses(trust.ErrSignature)
	delete(w.store.files, "2.root.json")
	w.refuses(trust.ErrRollback)
}

func TestLastRoot(t *testing.T) {
	for name, tc := range map[string]struct{ answer, want error }{
		"not found": {fetch.ErrNotFound, nil}, "forbidden": {fetch.ErrForbidden, nil},
		"stalled": {fetch.ErrStalled, fetch.ErrStalled}, "status": {fetch.ErrStatus, fetch.ErrStatus},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.client(w.store).Refresh(t.Context(), fetcher(func(name string, limit int64) ([]byte, error) {
				if name == "2.root.json" {
					return nil, fmt.Errorf("asking: %w", tc.answer)
				}
				return w.Fetch(t.Context(), name, limit)
			}))
			require.ErrorIs(t, err, tc.want)
		})
	}
}

func TestRotationsAreBounded(t *testing.T) {
	w := newWorld(t)
	for range maxRotations + 10 {
		w.Publish(root)
	}
	view := w.accepts()
	require.Equal(t, int64(maxRotations+1), view.run.root.Signed.Version)
	require.Equal(t, int64(maxRotations+11), w.accepts().run.root.Signed.Version, "the next call goes on")
}

// A file that declares too many bytes is not downloaded. The declared length is the
// limit of a download.
func TestLengthsAreCapped(t *testing.T) {
	for name, tc := range map[string]struct {
		declare func(w *world, length int64)
		file    string
		limit   int64
	}{
		"snapshot": {func(w *world, length int64) {
			w.Timestamp.Meta["snapshot.json"].Length = length
			w.Publish(timestamp)
		}, "1.snapshot.json", tuf.MaxSnapshot},
		"targets": {func(w *world, length int64) {
			w.Snapshot.Meta["targets.json"].Length = length
			w.Publish(snapshot, timestamp)
		}, "1.targets.json", tuf.MaxTargets},
	} {
		t.Run(name, func(t *testing.T) {
			for _, length := range []int64{1 << 40, tc.limit + 1, tc.limit, 500, 0} {
				w := newWorld(t)
				tc.declare(w, length)
				limits := map[string]int64{}
				_, err := w.client(w.store).Refresh(t.Context(), fetcher(func(name string, limit int64) ([]byte, error) {
					limits[name] = limit
					return w.Fetch(t.Context(), name, limit)
				}))
				switch {
				case length > tc.limit:
					require.ErrorIs(t, err, fetch.ErrTooLarge)
					require.NotContains(t, limits, tc.file)
				case length == 0:
					require.NoError(t, err)
					require.Equal(t, tc.limit, limits[tc.file])
				default:
					require.Error(t, err)
					require.Equal(t, length, limits[tc.file])
				}
				require.EqualValues(t, tuf.MaxTimestamp, limits["timestamp.json"])
				require.EqualValues(t, tuf.MaxRoot, limits["2.root.json"])
			}
		})
	}
}

// A Fetcher that ignores its limit changes nothing.
func TestTooMuchIsRefused(t *testing.T) {
	for _, file := range []string{"2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"} {
		w := newWorld(t)
		_, err := w.client(w.store).Refresh(t.Context(), fetcher(func(name string, limit int64) ([]byte, error) {
			if name == file {
				return make([]byte, limit+1), nil
			}
			return w.Fetch(t.Context(), name, limit)
		}))
		require.ErrorIs(t, err, fetch.ErrTooLarge, file)
	}
}

// Incomplete metadata is malformed, although it is signed. The library panics on some.
func TestIncompleteMetadata(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"timestamp without a snapshot":        func(w *world) { w.Timestamp.Meta = map[string]*metadata.MetaFiles{}; w.Publish(timestamp) },
		"timestamp without anything":          func(w *world) { w.Timestamp.Meta = nil; w.Publish(timestamp) },
		"timestamp with null for a snapshot":  func(w *world) { w.Timestamp.Meta["snapshot.json"] = nil; w.Publish(timestamp) },
		"snapshot without targets":            func(w *world) { w.Snapshot.Meta = map[string]*metadata.MetaFiles{}; w.Publish(snapshot, timestamp) },
		"snapshot with null for targets":      func(w *world) { w.Snapshot.Meta["targets.json"] = nil; w.Publish(snapshot, timestamp) },
		"snapshot with null for another role": func(w *world) { w.Snapshot.Meta["x.json"] = nil; w.Publish(snapshot, timestamp) },
		"negative length":                     func(w *world) { w.Timestamp.Meta["snapshot.json"].Length = -1; w.Publish(timestamp) },
		"negative length of targets":          func(w *world) { w.Snapshot.Meta["targets.json"].Length = -1; w.Publish(snapshot, timestamp) },
		"version 0":                           func(w *world) { w.Restart(timestamp, 0); w.Publish(timestamp) },
		"version below 0":                     func(w *world) { w.Restart(timestamp, -1); w.Publish(timestamp) },
		"version 2^53":                        func(w *world) { w.Restart(timestamp, 1<<53); w.Publish(timestamp) },
		"snapshot version 2^53":               func(w *world) { w.Timestamp.Meta["snapshot.json"].Version = 1 << 53; w.Publish(timestamp) },
		"specification 2":                     func(w *world) { w.Timestamp.SpecVersion = "2.0.0"; w.Publish(timestamp) },
		"root without a role":                 func(w *world) { delete(w.Root.Roles, snapshot); w.Publish(root) },
		"root with null for a role":           func(w *world) { w.Root.Roles[snapshot] = nil; w.Publish(root) },
		"root with null for a key":            func(w *world) { w.Root.Keys["x"] = nil; w.Publish(root) },
		"root with a threshold of 0":          func(w *world) { w.Root.Roles[snapshot].Threshold = 0; w.Publish(root) },
		"root with a threshold below 0":       func(w *world) { w.Root.Roles[root].Threshold = -1; w.Publish(root) },
		"root with a thousand keys":           func(w *world) { w.Root.Roles[targets].KeyIDs = make([]string, 1000); w.Publish(root) },
		"targets with null for one": func(w *world) {
			w.Targets().Targets["x"] = nil
			w.PublishAll(targets)
		},
		"targets with null for a key": func(w *world) {
			w.Targets().Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{"x": nil}, Roles: []metadata.DelegatedRole{}}
			w.PublishAll(targets)
		},
		"a target of negative length": func(w *world) {
			w.AddTarget(targets, "x", []byte("content"))
			w.Targets().Targets["x"].Length = -1
			w.PublishAll(targets)
		},
		"a delegated role called timestamp": func(w *world) { delegate(w, metadata.DelegatedRole{Name: timestamp}) },
		"a delegated role without a name":   func(w *world) { delegate(w, metadata.DelegatedRole{}) },
		"a delegated role twice":            func(w *world) { delegate(w, metadata.DelegatedRole{Name: "a"}, metadata.DelegatedRole{Name: "a"}) },
		"a delegated role with threshold 0": func(w *world) {
			delegate(w, metadata.DelegatedRole{Name: "a"})
			w.Targets().Delegations.Roles[0].Threshold = 0
			w.PublishAll(targets)
		},
		"bins with threshold 0": func(w *world) {
			w.Bins(targets, 1, "bin", w.NewKey())
			w.Targets().Delegations.SuccinctRoles.Threshold = 0
			w.PublishAll(targets)
		},
		"33 bits of bins": func(w *world) {
			w.Bins(targets, 1, "bin", w.NewKey())
			w.Targets().Delegations.SuccinctRoles.BitLength = 33
			w.PublishAll(targets)
		},
		"not JSON":        func(w *world) { w.ReplaceLatest(timestamp, []byte("<html>")) },
		"something after": func(w *world) { w.ReplaceLatest(timestamp, append(w.Latest(timestamp), '1')) },
		"empty":           func(w *world) { w.ReplaceLatest(timestamp, []byte{}) },
		"an array":        func(w *world) { w.ReplaceLatest(timestamp, []byte("[]")) },
		"null":            func(w *world) { w.ReplaceLatest(timestamp, []byte("null")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			change(w)
			w.refuses(trust.ErrMalformed)
		})
		t.Run(name+", with something trusted", func(t *testing.T) {
			w := newWorld(t)
			w.accepts()
			change(w)
			w.refuses(trust.ErrMalformed)
		})
	}
}

// delegate publishes delegations as the simulator would not make them.
func delegate(w *world, roles ...metadata.DelegatedRole) {
	for _, role := range roles {
		w.Targets().Delegations = nil
		w.Delegate(targets, role, w.NewKey())
	}
	d := w.Targets().Delegations
	d.Roles = nil
	for _, role := range roles {
		role.Threshold, role.Paths = 1, []string{"*"}
		d.Roles = append(d.Roles, role)
	}
	w.PublishAll(targets)
}

func TestPanicIsAnError(t *testing.T) {
	w := newWorld(t)
	w.Targets().Targets["x"] = nil
	w.PublishAll(targets)
	require.ErrorContains(t, w.refuses(trust.ErrMalformed), "the TUF library panicked", "the library still needs it")
}

func TestRolesAreBounded(t *testing.T) {
	w := newWorld(t)
	var roles []string
	for i := range 2 * maxRoles {
		name := fmt.Sprintf("role%d", i)
		w.Delegate(targets, metadata.DelegatedRole{Name: name, Paths: []string{"*"}}, w.NewKey())
		roles = append(roles, name)
	}
	w.AddTarget(roles[maxRoles-2], "within", []byte("content"))
	w.AddTarget(roles[maxRoles-1], "beyond", []byte("content"))
	w.PublishAll(append(roles, targets)...)
	_, err := w.find("within")
	require.NoError(t, err)
	_, err = w.find("beyond")
	require.ErrorIs(t, err, fetch.ErrNotFound)
	for _, name := range w.Asked() {
		require.NotContains(t, name, roles[maxRoles-1])
	}
}

// Of two hashes, SHA-256 is always the one in the name of the file.
func TestFileName(t *testing.T) {
	w := newWorld(t)
	w.AddTarget(targets, "dir/file", []byte("content"), "sha256", "sha512")
	w.AddTarget(targets, "other", []byte("content"), "sha512")
	w.PublishAll(targets)
	sum := sha256.Sum256([]byte("content"))
	for range 10 {
		target, err := w.find("dir/file")
		require.NoError(t, err)
		require.Equal(t, "dir/"+hex.EncodeToString(sum[:])+".file", target.File)
		require.EqualValues(t, 7, target.Length)
	}
	target, err := w.find("other")
	require.NoError(t, err)
	require.Len(t, target.File, 128+len(".other"))
	w.Root.ConsistentSnapshot = false
	w.Publish(root)
	target, err = w.find("dir/file")
	require.NoError(t, err)
	require.Equal(t, "dir/file", target.File)
}

// A stored snapshot of the right version, but not with the hash that the timestamp
// declares, is downloaded again.
func TestStoredSnapshotIsTheDeclaredOne(t *testing.T) {
	w := newWorld(t)
	w.Hashes = true
	w.PublishAll(targets)
	w.accepts()
	w.Snapshot.Version--
	w.Signed[snapshot] = w.Signed[snapshot][:1]
	w.Snapshot.Expires = w.In(7 * day)
	w.Publish(snapshot, timestamp)
	w.accepts()
	require.Equal(t, w.Latest(snapshot), w.stored("snapshot.json"))
}

// An expiry with a fraction of a second is accepted; other implementations refuse it.
func TestExpiryWithNanoseconds(t *testing.T) {
	w := newWorld(t)
	w.Timestamp.Expires = began.Add(day + time.Nanosecond)
	w.Publish(timestamp)
	w.accepts()
}

// A role that two others delegate to is downloaded once and verified for each of them.
func TestVerifiedForEachParent(t *testing.T) {
	w := newWorld(t)
	for _, parent := range []string{"A", "B"} {
		w.Delegate(targets, metadata.DelegatedRole{Name: parent, Paths: []string{parent + "/*"}}, w.NewKey())
		w.Delegate(parent, metadata.DelegatedRole{Name: "C", Paths: []string{parent + "/*"}}, w.NewKey())
		w.AddTarget("C", parent+"/file", []byte(parent))
	}
	w.Signers["C"] = w.Signers["C"][:1]
	w.PublishAll("A", "B", "C", targets)
	view := w.accepts()
	target, err := view.Target(t.Context(), "A/file")
	require.NoError(t, err)
	require.NoError(t, target.Verify([]byte("A")))
	w.Asked()
	_, err = view.Target(t.Context(), "B/file")
	require.ErrorIs(t, err, trust.ErrSignature)
	require.Equal(t, []string{"1.B"}, w.Asked())
	require.True(t, errors.Is(err, trust.ErrSignature))
}

// A role that a snapshot listed must not disappear, even if it was never downloaded.
func TestRoleDisappears(t *testing.T) {
	w := newWorld(t)
	w.Delegate(targets, metadata.DelegatedRole{Name: "A", Paths: []string{"*"}}, w.NewKey())
	w.PublishAll("A", targets)
	w.accepts()
	delete(w.Snapshot.Meta, "A.json")
	w.Publish(snapshot, timestamp)
	w.refuses(trust.ErrRollback)
}

// A version under another name is not the version of the role. The stored snapshot is
// lost, so that only floors know what was seen.
func TestVersionUnderAnotherName(t *testing.T) {
	w := newWorld(t)
	w.PublishAll(targets)
	w.accepts()
	delete(w.store.files, "snapshot.json")
	seen := *w.Snapshot.Meta["targets.json"]
	w.Snapshot.Meta["targets.json"].Version--
	w.Snapshot.Meta["targets"] = &seen
	w.Publish(snapshot, timestamp)
	for range 20 { // a map has no order
		w.refuses(trust.ErrRollback)
	}
}
