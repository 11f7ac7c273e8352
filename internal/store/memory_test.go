// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

func TestMemoryIsReadAsItWasWritten(t *testing.T) {
	all := store.Memories{
		{Policy: "p", Product: "app", Seen: when.Add(time.Hour), Accepted: []store.Accepted{{"1.2.3", when, true}, {"1.3.0", when, false}}},
		{Policy: "q"},
	}
	again, err := store.ParseMemories(all.Format())
	require.NoError(t, err)
	require.Equal(t, all, again)
	_, err = store.ParseMemories(store.Format(store.Fields{"format": 2}))
	require.ErrorIs(t, err, store.ErrDamaged, "another format")
}

func TestMemoryAfterAnUpdate(t *testing.T) {
	before := store.Memory{Policy: "p", Product: "app", Accepted: []store.Accepted{{"1.2.3", when, true}}, Seen: when}
	for name, tc := range map[string]struct {
		next     store.Installed
		accepted []store.Accepted
		product  string
		seen     time.Time
	}{
		"newer": {
			store.Installed{Version: "1.3.0", Released: when.Add(1), Seen: when.Add(2), Good: true},
			[]store.Accepted{{"1.2.3", when, true}, {"1.3.0", when.Add(1), true}}, "app", when.Add(2),
		},
		"on probation": {
			store.Installed{Version: "1.3.0", Released: when.Add(1)},
			[]store.Accepted{{"1.2.3", when, true}, {"1.3.0", when.Add(1), false}}, "app", when,
		},
		"the same, released earlier": {
			store.Installed{Version: "1.2.3", Released: when.Add(-1), Seen: when.Add(2), Good: true},
			[]store.Accepted{{"1.2.3", when, true}}, "app", when.Add(2),
		},
		"the same, released later": {
			store.Installed{Version: "v1.2.3", Released: when.Add(1), Good: true},
			[]store.Accepted{{"v1.2.3", when.Add(1), true}}, "app", when,
		},
		"the same on probation was good": {
			store.Installed{Version: "1.2.3", Released: when},
			[]store.Accepted{{"1.2.3", when, true}}, "app", when,
		},
		"under a clock that went back": {
			store.Installed{Version: "1.2.3", Released: when, Seen: when.Add(-1)},
			[]store.Accepted{{"1.2.3", when, true}}, "app", when,
		},
		"of another name": {
			store.Installed{Version: "1.2.3", Product: "renamed"},
			[]store.Accepted{{"1.2.3", when, true}}, "renamed", when,
		},
	} {
		t.Run(name, func(t *testing.T) {
			after := before.After(tc.next)
			require.Equal(t, store.Memory{Policy: "p", Product: tc.product, Accepted: tc.accepted, Seen: tc.seen}, after)
			require.Equal(t, []store.Accepted{{"1.2.3", when, true}}, before.Accepted, "it is not changed in place")
		})
	}
}

func TestFloorIsTheHighestGoodVersion(t *testing.T) {
	m := store.Memory{Accepted: []store.Accepted{
		{"nightly", when, true}, {"1.9.0", when, true}, {"1.10.0", when, true}, {"1.2.0", when, true}, {"2.0.0", when, false},
	}}
	require.Equal(t, "1.10.0", m.Floor())
	require.Empty(t, store.Memory{}.Floor())
	require.Empty(t, store.Memory{Accepted: m.Accepted[:1]}.Floor(), "a version without order is none")

	left := func(versions ...string) func(string) bool {
		return func(v string) bool {
			for _, l := range versions {
				if l == v {
					return true
				}
			}
			return false
		}
	}
	require.Equal(t, "2.0.0", m.Reviewed("v2.0.0", left()).Floor(), "it was confirmed")
	require.Equal(t, "1.9.0", m.Reviewed("", left("1.10.0")).Floor(), "it was left")
	require.Equal(t, "1.9.0", m.Reviewed("1.10.0", left("1.10.0")).Floor(), "left wins")
	require.Equal(t, "1.10.0", m.Floor(), "it is not changed in place")
	require.Equal(t, when, m.Released("v2.0.0"))
	require.Zero(t, m.Released("3.0.0"))
}

func TestHigherVersion(t *testing.T) {
	for _, tc := range []struct{ a, b, want string }{
		{"1.0.0", "2.0.0", "2.0.0"}, {"2.0.0", "1.0.0", "2.0.0"}, {"1.9.0", "1.10.0", "1.10.0"},
		{"", "1.0.0", "1.0.0"}, {"1.0.0", "", "1.0.0"}, {"nightly", "1.0.0", "1.0.0"}, {"1.0.0", "nightly", "1.0.0"},
		{"nightly", "weekly", ""}, {"", "", ""},
	} {
		require.Equal(t, tc.want, store.Higher(tc.a, tc.b), "%s and %s", tc.a, tc.b)
	}
}

// Both lists are bounded, and the floor is never what makes room.
func TestMemoryIsBounded(t *testing.T) {
	var all store.Memories
	for i := range 9 {
		all = all.With(store.Memory{Policy: fmt.Sprint(i)})
		all = all.With(store.Memory{Policy: fmt.Sprint(i), Product: "app"})
	}
	require.Len(t, all, 4)
	require.Equal(t, store.Memory{Policy: "8", Product: "app"}, all[0])
	require.Equal(t, store.Memory{Policy: "5", Product: "app"}, all.For("5"))
	require.Equal(t, store.Memory{Policy: "4"}, all.For("4"), "it was dropped")

	m := store.Memory{}.After(store.Installed{Version: "99.0.0", Good: true})
	for i := range 100 {
		m = m.After(store.Installed{Version: fmt.Sprintf("1.%d.0", i), Good: true})
	}
	require.Len(t, m.Accepted, 16)
	require.Equal(t, "99.0.0", m.Floor())
	require.Equal(t, "1.99.0", m.Accepted[15].Version)
}

func FuzzMemory(f *testing.F) {
	f.Add(store.Memories{{Policy: "p", Accepted: []store.Accepted{{"1.2.3", when, true}}, Seen: when}}.Format())
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		all, err := store.ParseMemories(raw)
		if err == nil {
			again, err := store.ParseMemories(all.Format())
			require.NoError(t, err)
			require.Equal(t, all, again)
		}
	})
}
