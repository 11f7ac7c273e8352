// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/testing/tufsim"
)

const (
	root      = tufsim.Root
	timestamp = tufsim.Timestamp
	snapshot  = tufsim.Snapshot
	targets   = tufsim.Targets

	day = 24 * time.Hour
)

// change rewrites published metadata as plain JSON, in ways that the library would not.
func change(t *testing.T, raw []byte, edit func(md map[string]any)) []byte {
	t.Helper()
	var md map[string]any
	require.NoError(t, json.Unmarshal(raw, &md))
	edit(md)
	raw, err := json.Marshal(md)
	require.NoError(t, err)
	return raw
}

func signatures(md map[string]any) []any { return md["signatures"].([]any) }

func TestRefresh(t *testing.T) {
	each(t, map[string]func(s *suite){
		"asks in order": func(s *suite) {
			s.start()
			s.accepts()
			s.asked("2.root", "timestamp", "1.snapshot", "1.targets")
			s.accepts()
			s.asked("2.root", "timestamp")
		},
		"trusts what it was given": func(s *suite) {
			s.start()
			s.accepts()
			for _, role := range []string{root, timestamp, snapshot, targets} {
				require.Equal(s.t, s.Latest(role), s.trusted(role), role)
			}
		},
		"download refreshes first": func(s *suite) {
			s.start()
			s.getsNot("not there")
			s.asked("2.root", "timestamp", "1.snapshot", "1.targets")
			s.trusts("root 1, snapshot 1, targets 1, timestamp 1")
		},
		"initial root without a version": func(s *suite) {
			s.initial = change(s.t, s.Latest(root), func(md map[string]any) { delete(md["signed"].(map[string]any), "version") })
			s.init()
			s.refuses()
			s.asked()
		},
		"initial root of another signature": func(s *suite) {
			s.initial = change(s.t, s.Latest(root), func(md map[string]any) {
				signatures(md)[0].(map[string]any)["sig"] = strings.Repeat("0a", 64) // of the right form
			})
			s.init()
			s.refuses()
			s.asked()
		},
		"timestamp changes and keeps its version": func(s *suite) {
			s.start()
			s.accepts()
			before := s.trusted(timestamp)
			s.Timestamp.Meta["snapshot.json"].Version = 100
			s.Restart(timestamp, 1)
			s.Publish(timestamp)
			s.accepts()
			s.lastAsked("timestamp")
			require.Equal(s.t, before, s.trusted(timestamp))
		},
		"metadata with declared hashes": func(s *suite) {
			s.Hashes = true
			s.PublishAll(targets)
			s.start()
			s.accepts()
			s.Publish(targets)
			s.Snapshot.Meta["targets.json"].Hashes["sha256"] = make([]byte, 32)
			s.Publish(snapshot, timestamp)
			s.refuses()
			s.trusts("root 1, snapshot 3, targets 2, timestamp 3")
		},
		"keeps the bytes as they came": func(s *suite) {
			s.ReplaceLatest(timestamp, append(s.Latest(timestamp), ' '))
			s.start()
			s.accepts()
			require.Equal(s.t, s.Latest(timestamp), s.trusted(timestamp))
		},
		"members that it does not know": func(s *suite) {
			s.start()
			s.accepts()
			key := s.NewKey()
			key.Public.UnrecognizedFields = map[string]any{"extra": map[string]any{"a": 1, "b": 2}}
			key.Rename()
			s.AddKey(root, key)
			s.Root.UnrecognizedFields = map[string]any{"custom": "value"}
			s.Root.Roles[root].UnrecognizedFields = map[string]any{"another": "value"}
			s.Publish(root)
			s.accepts()
			require.Equal(s.t, 2, s.version(root))
		},
		"keyid_hash_algorithms mean nothing": func(s *suite) {
			s.start()
			s.Rotate(snapshot)
			key := s.NewKey()
			key.Public.UnrecognizedFields = map[string]any{"keyid_hash_algorithms": "md5"}
			key.Rename()
			s.Root.Roles[snapshot].KeyIDs, s.Signers[snapshot] = nil, nil
			s.AddKey(snapshot, key)
			s.Publish(root, snapshot, timestamp)
			s.accepts()
			s.trusts("root 2, snapshot 2, targets 1, timestamp 2")
		},
		"snapshot is not there": func(s *suite) {
			s.start()
			s.accepts()
			s.Timestamp.Meta["snapshot.json"].Version++
			s.Publish(timestamp)
			s.refuses()
			s.lastAsked("2.snapshot")
			s.trusts("root 1, snapshot 1, targets 1, timestamp 2")
		},
		"targets are not there": func(s *suite) {
			s.start()
			s.accepts()
			s.Snapshot.Meta["targets.json"].Version++
			s.Publish(snapshot, timestamp)
			s.refuses()
			s.lastAsked("2.targets")
			s.trusts("root 1, snapshot 2, targets 1, timestamp 2")
		},
		"timestamp is not there": func(s *suite) {
			s.start()
			s.accepts()
			delete(s.Signed, timestamp)
			s.refuses()
			s.lastAsked("timestamp")
		},
		"snapshot posing as timestamp": func(s *suite) {
			s.start()
			s.AddKey(snapshot, s.Signers[timestamp][0])
			s.Snapshot.Meta = map[string]*metadata.MetaFiles{"snapshot.json": {Version: 1}, "targets.json": {Version: 1}}
			s.Publish(root, snapshot)
			s.Signed[timestamp] = append(s.Signed[timestamp], s.Latest(snapshot))
			s.refuses()
			s.trusts("root 2")
		},
		"the clock is date's": func(s *suite) {
			s.start()
			s.Root.Expires = s.In(7 * day)
			s.Publish(root)
			s.accepts()
			require.Equal(s.t, 1, s.refreshLater(8*day))
		},
		"targets grow where no snapshot says so": func(s *suite) {
			s.start()
			s.accepts()
			s.Publish(targets)
			s.accepts()
			require.Equal(s.t, 1, s.version(targets))
			s.lastAsked("timestamp")
		},
		"names without versions": func(s *suite) {
			s.Root.ConsistentSnapshot = false
			s.AddTarget(targets, "dir/file", []byte("content"))
			s.Publish(root)
			s.PublishAll(targets)
			s.start()
			s.gets("dir/file")
			s.asked("2.root", "3.root", "timestamp", "snapshot", "targets", "/dir/file")
			s.holds("content")
		},
	})
}

// A role that is not signed properly is refused; the roles before it are kept.
func TestUnsignedMetadata(t *testing.T) {
	cases := map[string]func(s *suite){}
	for role, want := range map[string]string{
		root: "root 1", timestamp: "root 2", snapshot: "root 2, timestamp 2", targets: "root 2, snapshot 2, timestamp 2",
	} {
		cases[role] = func(s *suite) {
			s.Signers[role] = nil
			s.Publish(root, targets, snapshot, timestamp)
			s.start()
			s.refuses()
			s.trusts(want)
		}
	}
	each(t, cases)
}

func TestVersionIsNotTheAskedOne(t *testing.T) {
	cases := map[string]func(s *suite){}
	for role, want := range map[string]string{
		root: "root 1", snapshot: "root 2, timestamp 2", targets: "root 2, snapshot 2, timestamp 2",
	} {
		cases[role] = func(s *suite) {
			s.Publish(root, targets, snapshot, timestamp)
			switch role { // 2.ROLE.json says that it is 3
			case root:
				s.Root.Version = 3
				s.ReplaceLatest(root, tufsim.Seal(s.Root, s.Signers[root]))
			case snapshot:
				s.Snapshot.Version = 3
				s.ReplaceLatest(snapshot, tufsim.Seal(s.Snapshot, s.Signers[snapshot]))
			case targets:
				s.Targets().Version = 3
				s.ReplaceLatest(targets, tufsim.Seal(s.Targets(), s.Signers[targets]))
			}
			s.start()
			s.refuses()
			s.trusts(want)
		}
	}
	each(t, cases)
}

func TestExpired(t *testing.T) {
	each(t, map[string]func(s *suite){
		"root": func(s *suite) {
			s.start()
			s.accepts()
			s.Publish(root)
			s.accepts()
			s.Root.Expires = s.In(-day)
			s.Publish(root, targets, snapshot, timestamp)
			s.refuses()
			s.trusts("root 3, snapshot 1, targets 1, timestamp 1") // §5.3.10: root first
		},
		"timestamp": func(s *suite) {
			s.start()
			s.accepts()
			s.Timestamp.Expires = s.In(-5 * day)
			s.Publish(timestamp)
			s.refuses()
			s.trusts("root 1, snapshot 1, targets 1, timestamp 1")
		},
		"snapshot": func(s *suite) {
			s.start()
			s.accepts()
			s.Snapshot.Expires = s.In(-5 * day)
			s.Publish(snapshot, timestamp)
			s.refuses()
			s.trusts("root 1, snapshot 1, targets 1, timestamp 2")
		},
		"targets": func(s *suite) {
			s.start()
			s.accepts()
			s.Targets().Expires = s.In(-5 * day)
			s.PublishAll(targets)
			s.refuses()
			s.trusts("root 1, snapshot 2, targets 1, timestamp 2")
		},
		"root that is kept, not the new one": func(s *suite) {
			s.start()
			s.Root.Expires = s.In(7 * day)
			s.Publish(root)
			s.accepts()
			s.Root.Expires = s.In(21 * day)
			s.Publish(root)
			require.Equal(s.t, 0, s.refreshLater(18*day))
			require.Equal(s.t, 3, s.version(root))
		},
		"timestamp that is kept, not the new one": func(s *suite) {
			s.start()
			s.Timestamp.Expires = s.In(7 * day)
			s.Publish(timestamp)
			s.accepts()
			s.Timestamp.Expires = s.In(21 * day)
			s.PublishAll(targets)
			require.Equal(s.t, 0, s.refreshLater(18*day))
			s.trusts("root 1, snapshot 2, targets 2, timestamp 3")
		},
	})
}

func TestExpiredDelegation(t *testing.T) {
	delegate := func(s *suite, expires time.Duration, files ...string) {
		s.start()
		delegated(s)
		s.Roles["delegated"].Expires = s.In(expires)
		for _, file := range files {
			s.AddTarget("delegated", "dir/"+file, []byte(file))
		}
		s.PublishAll("delegated", targets)
	}
	each(t, map[string]func(s *suite){
		"at first sight": func(s *suite) {
			delegate(s, -day, "first")
			s.accepts()
			s.getsNot("dir/first")
			s.holds()
			s.trusts("root 1, snapshot 2, targets 2, timestamp 2")
		},
		"once it was trusted": func(s *suite) {
			delegate(s, 7*day, "first", "second")
			s.gets("dir/first")
			require.Equal(s.t, 1, s.downloadLater(18*day, "dir/second"))
			s.holds("first")
		},
		"and renewed": func(s *suite) {
			delegate(s, 7*day, "first", "second")
			s.gets("dir/first")
			s.Roles["delegated"].Expires = s.In(21 * day)
			s.PublishAll("delegated")
			require.Equal(s.t, 0, s.downloadLater(18*day, "dir/second"))
			s.holds("first", "second")
		},
	})
}
