// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/testing/tufsim"
)

// Metadata as other publishers' tools make it.
func TestOtherPublishers(t *testing.T) {
	each(t, map[string]func(s *suite){
		// As of tuf-on-ci: ECDSA keys, unknown members everywhere, and empty signatures
		// of keys that have not signed yet, with a threshold of one.
		"signing in the open": func(s *suite) {
			var holders []*tufsim.Key
			for i := range 3 {
				key := tufsim.NewECDSA()
				key.Public.UnrecognizedFields = map[string]any{"x-owner": fmt.Sprintf("@holder%d", i)}
				key.Rename()
				holders = append(holders, key)
			}
			s.Restart(root, 1)
			for _, role := range []string{root, targets} {
				s.Root.Roles[role].KeyIDs, s.Signers[role] = nil, nil
				for _, key := range holders {
					s.AddKey(role, key)
				}
				s.Root.Roles[role].Threshold = 2
				s.Root.Roles[role].UnrecognizedFields = map[string]any{"x-expiry-period": 365}
			}
			s.Root.UnrecognizedFields = map[string]any{"x-signing-period": 60}
			s.Targets().UnrecognizedFields = map[string]any{"x-signing-period": 60}
			paths := []string{"delegated/*", "delegated/*/*", "delegated/*/*/*", "delegated/*/*/*/*"}
			s.Delegate(targets, metadata.DelegatedRole{Name: "delegated", Paths: paths, Terminating: true}, holders[0])
			s.Targets().Delegations.Keys[holders[1].ID] = holders[1].Public
			s.Targets().Delegations.Roles[0].KeyIDs = append(s.Targets().Delegations.Roles[0].KeyIDs, holders[1].ID)
			s.Signers["delegated"] = holders[:2]
			s.AddTarget("delegated", "delegated/artifact", []byte("content"))
			s.Publish("delegated", targets, snapshot, timestamp, root)
			for _, role := range []string{root, targets, "delegated"} {
				s.ReplaceLatest(role, change(s.t, s.Latest(role), func(md map[string]any) {
					signatures(md)[len(signatures(md))-1].(map[string]any)["sig"] = ""
				}))
			}
			s.start()
			s.accepts()
			s.gets("delegated/artifact")
		},
		// A long chain of roots, first of keys with the scheme as their type, and
		// metadata with lengths and hashes.
		"ten years of roots": func(s *suite) {
			s.Hashes = true
			s.Restart(root, 1)
			old := tufsim.NewECDSA()
			old.Public.Type = metadata.KeyTypeECDSA_SHA2_P256_COMPAT
			old.Rename()
			s.Root.Roles[root].KeyIDs, s.Signers[root] = nil, nil
			s.AddKey(root, old)
			s.Publish(root)
			s.AddKey(root, tufsim.NewECDSA())
			s.Publish(root)
			s.Root.Roles[root].KeyIDs, s.Signers[root] = s.Root.Roles[root].KeyIDs[1:], s.Signers[root][1:]
			s.Signers[root] = append(s.Signers[root], old)
			s.Publish(root)
			s.Signers[root] = s.Signers[root][:1]
			for range 7 {
				s.Rotate(timestamp)
				s.Publish(root)
			}
			s.AddTarget(targets, "trusted_root.json", []byte("content"))
			s.PublishAll(targets)
			s.start()
			s.accepts()
			require.Equal(s.t, 10, s.version(root))
			s.gets("trusted_root.json")
		},
	})
}

func TestUsage(t *testing.T) {
	each(t, map[string]func(s *suite){
		"no command":      func(s *suite) { require.Equal(s.t, 1, s.command(0)) },
		"unknown command": func(s *suite) { require.Equal(s.t, 1, s.command(0, "frobnicate")) },
		"unknown option":  func(s *suite) { require.Equal(s.t, 1, s.command(0, "--frobnicate", "refresh")) },
		"not initialised": func(s *suite) { s.refuses(); s.asked() },
		"no such root":    func(s *suite) { require.Equal(s.t, 1, s.command(0, "init", "absent.json")) },
		"no such server": func(s *suite) {
			s.start()
			require.Equal(s.t, 1, s.command(0, "--metadata-url", "file:///nowhere", "refresh"))
		},
		"nothing to download": func(s *suite) { s.start(); s.getsNot() },
	})
}
