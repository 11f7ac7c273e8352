// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/tufsim"
)

func TestKeys(t *testing.T) {
	cases := map[string]func(s *suite){
		"a signature less than the threshold": func(s *suite) {
			s.Root.Roles[snapshot].Threshold = 3
			s.AddKey(snapshot, s.NewKey())
			s.AddKey(snapshot, s.NewKey())
			s.Publish(root, targets, snapshot, timestamp)
			s.start()
			s.accepts()
			s.Signers[snapshot] = s.Signers[snapshot][:2]
			s.PublishAll(targets)
			s.refuses()
			require.Equal(s.t, 2, s.version(snapshot))
		},
		"a key less than the threshold": func(s *suite) {
			s.start()
			for range 4 {
				s.AddKey(snapshot, s.NewKey())
			}
			s.Root.Roles[snapshot].Threshold = 6
			s.Publish(root, snapshot, timestamp)
			s.refuses()
			s.trusts("root 2, timestamp 2")
		},
		"one key nine times": func(s *suite) {
			s.start()
			key := s.NewKey()
			for range 9 {
				s.AddKey(snapshot, key)
			}
			s.Root.Roles[snapshot].Threshold = 6
			s.Publish(root, snapshot, timestamp)
			s.refuses()
			require.Zero(s.t, s.version(snapshot))
		},
		"one key under several names": func(s *suite) {
			s.start()
			key := s.NewKey()
			s.AddKey(snapshot, key)
			for _, name := range []string{"a", "b", "c"} {
				other := *key
				other.ID = name
				s.AddKey(snapshot, &other)
			}
			s.Root.Roles[snapshot].Threshold = 3
			s.Publish(root, snapshot, timestamp)
			s.refuses()
			require.Zero(s.t, s.version(snapshot))
		},
		"one signature twice": func(s *suite) {
			s.start()
			s.ReplaceLatest(snapshot, change(s.t, s.Latest(snapshot), func(md map[string]any) {
				md["signatures"] = append(signatures(md), signatures(md)[0])
			}))
			s.refuses()
			require.Zero(s.t, s.version(snapshot))
		},
		"a wrong signature beside a right one": func(s *suite) {
			s.start()
			stale := signatures(decode(s.t, s.Latest(timestamp)))[0].(map[string]any)["sig"]
			s.AddKey(timestamp, s.NewKey())
			for _, sig := range []any{stale, ""} {
				s.Publish(root, timestamp)
				s.ReplaceLatest(timestamp, change(s.t, s.Latest(timestamp), func(md map[string]any) {
					signatures(md)[0].(map[string]any)["sig"] = sig
				}))
				s.accepts()
			}
			require.Equal(s.t, 3, s.version(timestamp))
		},
	}
	for name, kind := range map[string]struct {
		key *tufsim.Key
		bad string // of the right form
	}{
		"rsa":     {tufsim.NewRSA(), strings.Repeat("5a", 256)},
		"ecdsa":   {tufsim.NewECDSA(), "3006020103020105"},
		"ed25519": {nil, strings.Repeat("0a", 64)},
	} {
		cases[name] = func(s *suite) {
			s.start()
			key := kind.key
			if key == nil {
				key = s.NewKey()
			}
			s.AddKey(root, key)
			s.Root.Roles[root].Threshold = 2
			s.Publish(root)
			s.accepts()
			require.Equal(s.t, 2, s.version(root))
			s.Publish(root)
			s.ReplaceLatest(root, change(s.t, s.Latest(root), func(md map[string]any) {
				_, err := hex.DecodeString(kind.bad)
				require.NoError(s.t, err)
				signatures(md)[1].(map[string]any)["sig"] = kind.bad
			}))
			s.refuses()
			require.Equal(s.t, 2, s.version(root))
		}
	}
	each(t, cases)
}

func decode(t *testing.T, raw []byte) (md map[string]any) {
	t.Helper()
	change(t, raw, func(m map[string]any) { md = m })
	return md
}

// keyset is the state of a role: threshold of keys, signed by the keys of sigs.
type keyset struct {
	keys      string // each letter is a key
	threshold int
	sigs      string
}

// put gives it to a role, and makes the keys that it needs.
func (k keyset) put(s *suite, role string, keys map[rune]*tufsim.Key) {
	of := func(letter rune) *tufsim.Key {
		if keys[letter] == nil {
			keys[letter] = s.NewKey()
		}
		return keys[letter]
	}
	s.Root.Roles[role].KeyIDs, s.Root.Roles[role].Threshold = nil, k.threshold
	for _, letter := range k.keys {
		s.AddKey(role, of(letter))
	}
	s.Signers[role] = nil
	for _, letter := range k.sigs {
		s.Signers[role] = append(s.Signers[role], of(letter))
	}
}

// A chain of roots is followed as long as each is signed by its own keys and by those
// of the one before it.
func TestRootRotation(t *testing.T) {
	cases := map[string]func(s *suite){}
	for name, tc := range map[string]struct {
		roots   []keyset
		refused bool // the last one
	}{
		"1 of 1, another key":                        {[]keyset{{"b", 1, "b"}, {"c", 1, "cb"}, {"c", 1, "c"}}, false},
		"1 of 1, another key, others sign too":       {[]keyset{{"b", 1, "dbe"}, {"c", 1, "dcbe"}, {"c", 1, "dce"}}, false},
		"3 of 5, signed by different ones":           {[]keyset{{"abcde", 3, "ace"}, {"abcde", 3, "aeb"}, {"abcde", 3, "abd"}, {"abcde", 3, "abd"}}, false},
		"3 of 5, one exchanged":                      {[]keyset{{"abcde", 3, "ace"}, {"abdef", 3, "aeb"}}, false},
		"3 of 5, one exchanged, in two steps":        {[]keyset{{"abcde", 3, "ace"}, {"abdef", 3, "acef"}, {"abdef", 3, "aef"}}, false},
		"3 of 5, all exchanged":                      {[]keyset{{"abcde", 3, "ace"}, {"fghij", 3, "acefgh"}, {"fghij", 3, "fgh"}}, false},
		"1 of 3 becomes 2 of 3":                      {[]keyset{{"bcd", 1, "b"}, {"bcd", 2, "bc"}}, false},
		"2 of 3 becomes 1 of 3":                      {[]keyset{{"bcd", 2, "bc"}, {"bcd", 1, "bc"}, {"bcd", 1, "b"}}, false},
		"1 of 1 becomes 2 of 2":                      {[]keyset{{"b", 1, "b"}, {"bc", 2, "bc"}}, false},
		"1 of 1, the old key did not sign":           {[]keyset{{"b", 1, "b"}, {"c", 1, "cde"}}, true},
		"1 of 1, the new key did not sign":           {[]keyset{{"b", 1, "b"}, {"c", 1, "bde"}}, true},
		"3 of 5, too few new ones signed":            {[]keyset{{"abcde", 3, "ace"}, {"abdef", 3, "ace"}}, true},
		"3 of 5, too few old ones signed":            {[]keyset{{"abcde", 3, "ace"}, {"abdef", 3, "aef"}}, true},
		"1 of 3 becomes 2 of 3, and one signed":      {[]keyset{{"bcd", 1, "b"}, {"bcd", 2, "c"}}, true},
		"2 of 3 becomes 1 of 3, and one signed":      {[]keyset{{"bcd", 2, "bc"}, {"bcd", 1, "b"}}, true},
		"2 of 2, an old one signed for each of them": {[]keyset{{"bc", 2, "bc"}, {"de", 2, "bd"}}, true},
	} {
		cases[name] = func(s *suite) {
			s.Restart(root, 1)
			keys := map[rune]*tufsim.Key{}
			for _, set := range tc.roots {
				set.put(s, root, keys)
				s.Publish(root)
			}
			s.PublishAll(targets)
			s.start()
			if tc.refused {
				s.refuses()
				require.Equal(s.t, s.Signed[root][len(tc.roots)-2], s.trusted(root))
				return
			}
			s.accepts()
			require.Equal(s.t, s.Latest(root), s.trusted(root))
		}
	}
	each(t, cases)
}

// The keys of each other role are those of the latest root.
func TestRotationOfOtherRoles(t *testing.T) {
	cases := map[string]func(s *suite){}
	for name, tc := range map[string]struct {
		set     keyset
		refused bool
	}{
		"1 of 1":                            {keyset{"c", 1, "c"}, false},
		"1 of 1, others sign too":           {keyset{"b", 1, "dbe"}, false},
		"1 of 1, only others sign":          {keyset{"c", 1, "bde"}, true},
		"3 of 5, one of three is another's": {keyset{"abdef", 3, "ace"}, true},
		"3 of 5, two sign":                  {keyset{"abdef", 3, "ae"}, true},
		"3 of 5, first, third and fifth":    {keyset{"abcde", 3, "ace"}, false},
		"3 of 5, first, fifth and second":   {keyset{"abcde", 3, "aeb"}, false},
		"3 of 5, first, second and fourth":  {keyset{"abcde", 3, "abd"}, false},
		"3 of 5, second, third and fourth":  {keyset{"abcde", 3, "bcd"}, false},
		"3 of 5, third, fourth and fifth":   {keyset{"abcde", 3, "cde"}, false},
	} {
		cases[name] = func(s *suite) {
			s.start()
			keys := map[rune]*tufsim.Key{}
			for _, role := range []string{timestamp, snapshot, targets} {
				tc.set.put(s, role, keys)
				s.Publish(root, targets, snapshot, timestamp)
				if tc.refused {
					s.refuses()
					continue
				}
				s.accepts()
				require.Equal(s.t, s.Latest(role), s.trusted(role))
			}
		}
	}
	each(t, cases)
}
