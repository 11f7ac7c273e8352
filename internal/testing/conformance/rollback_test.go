// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// delegated adds a role that may list dir/*.
func delegated(s *suite) {
	s.Delegate(targets, metadata.DelegatedRole{Name: "delegated", Paths: []string{"dir/*"}}, s.NewKey())
}

func TestRollback(t *testing.T) {
	cases := map[string]func(s *suite){
		"timestamp": func(s *suite) {
			s.start()
			s.Publish(timestamp)
			s.accepts()
			s.Restart(timestamp, 1)
			s.Publish(timestamp)
			s.refuses()
			require.Equal(s.t, 2, s.version(timestamp))
			s.lastAsked("timestamp")
		},
		"snapshot, behind the timestamp's back": func(s *suite) {
			s.start()
			s.Publish(snapshot, timestamp)
			s.accepts()
			s.Snapshot.Version = 0
			s.Publish(snapshot)
			s.accepts()
			require.Equal(s.t, 2, s.version(snapshot))
			s.lastAsked("timestamp")
		},
		"snapshot grows where no timestamp says so": func(s *suite) {
			s.start()
			s.Publish(snapshot)
			s.Timestamp.Meta["snapshot.json"].Version--
			s.Publish(root, timestamp)
			s.accepts()
			s.trusts("root 2, snapshot 1, targets 1, timestamp 2")
		},
		"snapshot loses a role": func(s *suite) {
			s.start()
			delegated(s)
			s.PublishAll("delegated", targets)
			s.accepts()
			delete(s.Snapshot.Meta, "delegated.json")
			s.Publish(snapshot, timestamp)
			s.refuses()
			s.trusts("root 1, snapshot 2, targets 2, timestamp 3")
		},
		"targets, repaired by new snapshot keys": func(s *suite) {
			s.start()
			delegated(s)
			s.Publish("delegated")
			for range 99 {
				s.Publish(targets)
			}
			s.Publish(snapshot, timestamp)
			s.accepts()
			require.Equal(s.t, 100, s.version(targets))
			s.Rotate(snapshot)
			s.Restart(targets, 1)
			delete(s.Snapshot.Meta, "delegated.json")
			s.Publish(root, targets, snapshot, timestamp)
			s.accepts()
			require.Equal(s.t, 1, s.version(targets))
		},
		"snapshot, repaired by new snapshot and timestamp keys": func(s *suite) {
			s.start()
			for range 99 {
				s.Publish(snapshot)
			}
			s.Publish(timestamp)
			s.accepts()
			require.Equal(s.t, 100, s.version(snapshot))
			s.Rotate(snapshot)
			s.Rotate(timestamp)
			s.Restart(snapshot, 1)
			s.Publish(root, targets, snapshot, timestamp)
			s.accepts()
			require.Equal(s.t, 1, s.version(snapshot))
		},
		"timestamp, repaired by new timestamp keys": func(s *suite) {
			s.start()
			for range 99 {
				s.Publish(timestamp)
			}
			s.accepts()
			require.Equal(s.t, 100, s.version(timestamp))
			s.Rotate(timestamp)
			s.Restart(timestamp, 1)
			s.Publish(root, timestamp)
			s.accepts()
			require.Equal(s.t, 1, s.version(timestamp))
		},
	}
	for name, hashes := range map[string]bool{"": false, ", hashes declared": true} {
		cases["snapshot"+name] = func(s *suite) {
			s.start()
			s.Hashes = hashes
			s.Publish(snapshot, timestamp)
			s.accepts()
			s.Restart(snapshot, 1)
			s.Publish(snapshot, timestamp)
			s.refuses()
			s.trusts("root 1, snapshot 2, targets 1, timestamp 2")
			s.lastAsked("timestamp")
		}
		cases["targets"+name] = func(s *suite) {
			s.start()
			s.Hashes = hashes
			s.PublishAll(targets)
			s.accepts()
			s.Restart(targets, 1)
			s.PublishAll(targets)
			s.refuses()
			require.Equal(s.t, 2, s.version(snapshot))
			require.Equal(s.t, 2, s.version(targets))
		}
	}
	each(t, cases)
}
