// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/store"
)

func TestMemoryIsReadAsItWasWritten(t *testing.T) {
	m := store.Memory{Policy: "p", Version: "1.2.3", Released: when, Seen: when.Add(time.Hour)}
	again, err := store.ParseMemory(m.Format())
	require.NoError(t, err)
	require.Equal(t, m, again)
	for name, change := range map[string]func(m *store.Memory){
		"no policy":  func(m *store.Memory) { m.Policy = "" },
		"no version": func(m *store.Memory) { m.Version = "" },
		"no time":    func(m *store.Memory) { m.Seen = time.Time{} },
	} {
		changed := m
		change(&changed)
		_, err := store.ParseMemory(changed.Format())
		require.ErrorIs(t, err, store.ErrDamaged, name)
	}
	_, err = store.ParseMemory(store.Format(store.Fields{"format": 2, "policy": "p", "version": "1", "seen": when}))
	require.ErrorIs(t, err, store.ErrDamaged, "another format")
}

func TestMemoryNeverGoesBack(t *testing.T) {
	before := store.Memory{Policy: "p", Version: "1.2.3", Released: when, Seen: when}
	for name, tc := range map[string]struct {
		next store.Memory
		want store.Memory
	}{
		"newer":                        {store.Memory{"p", "1.3.0", when.Add(1), when.Add(2)}, store.Memory{"p", "1.3.0", when.Add(1), when.Add(2)}},
		"older":                        {store.Memory{"p", "1.2.2", when.Add(1), when.Add(2)}, store.Memory{"p", "1.2.3", when, when.Add(2)}},
		"the same, released earlier":   {store.Memory{"p", "1.2.3", when.Add(-1), when.Add(2)}, store.Memory{"p", "1.2.3", when, when.Add(2)}},
		"the same, released later":     {store.Memory{"p", "1.2.3", when.Add(1), when.Add(2)}, store.Memory{"p", "1.2.3", when.Add(1), when.Add(2)}},
		"without order":                {store.Memory{"p", "nightly", when.Add(1), when.Add(2)}, store.Memory{"p", "1.2.3", when, when.Add(2)}},
		"under a clock that went back": {store.Memory{"p", "1.3.0", when.Add(1), when.Add(-1)}, store.Memory{"p", "1.3.0", when.Add(1), when}},
		"of other keys":                {store.Memory{"q", "1.0.0", when.Add(-1), when.Add(-1)}, store.Memory{"q", "1.0.0", when.Add(-1), when.Add(-1)}},
	} {
		require.Equal(t, tc.want, before.After(tc.next, layout.CompareVersions), name)
	}
	unordered := store.Memory{Policy: "p", Version: "nightly", Released: when, Seen: when}
	next := store.Memory{Policy: "p", Version: "weekly", Released: when.Add(1), Seen: when.Add(1)}
	require.Equal(t, next, unordered.After(next, layout.CompareVersions), "neither has an order")
}

func FuzzMemory(f *testing.F) {
	f.Add(store.Memory{Policy: "p", Version: "1.2.3", Released: when, Seen: when}.Format())
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := store.ParseMemory(raw)
		if err == nil {
			require.NotEmpty(t, m.Version)
			require.False(t, m.Seen.IsZero())
		}
	})
}
