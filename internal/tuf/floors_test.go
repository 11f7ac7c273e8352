// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

var began = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func TestFloorsFormat(t *testing.T) {
	f := &Floors{
		Anchor: "a", Root: 3, Seen: began,
		timestamp: floor{MaxVersion, []string{"k1", "k2"}}, snapshot: floor{5, []string{"k1"}},
		rolesBy: []string{"k3"},
	}
	for i := range 3 * maxSeenRoles {
		f.SetRole(fmt.Sprintf("role %d \x00\xff", i), int64(i+1))
	}
	require.Len(t, f.roles, maxSeenRoles)
	require.Equal(t, StoredName("role 0 \x00\xff"), f.roles[0].file, "the first one, targets, stays")
	raw := f.Format()
	require.Less(t, len(raw), MaxFloors)
	read, err := ParseFloors(raw)
	require.NoError(t, err)
	require.Equal(t, f, read)
	f.SetRole("role 0 \x00\xff", 7)
	require.Equal(t, int64(7), f.roles[0].version)
	require.Len(t, f.roles, maxSeenRoles)
	f.roles = f.roles[:2]
	raw = f.Format()
	for i := range raw {
		flipped := bytes.Clone(raw)
		flipped[i] ^= 0x04
		_, err := ParseFloors(flipped)
		require.Error(t, err, "byte %d", i)
	}
	_, err = ParseFloors(store.Format(store.Fields{"format": 2}))
	require.ErrorIs(t, err, store.ErrDamaged)
	_, err = ParseFloors(store.Format(store.Fields{"format": 1, "root": "x"}))
	require.ErrorIs(t, err, store.ErrDamaged)
}

// Even the largest floors can be read again.
func TestLargestFloors(t *testing.T) {
	var by []string
	for i := range MaxKeys {
		by = append(by, fmt.Sprintf("%064d", i))
	}
	f := &Floors{Anchor: by[0], Root: MaxVersion, Seen: began, timestamp: floor{MaxVersion, by}, snapshot: floor{MaxVersion, by}, rolesBy: by}
	for i := range maxSeenRoles {
		f.SetRole(fmt.Sprint(i), MaxVersion)
	}
	raw := f.Format()
	require.Less(t, len(raw), MaxFloors)
	_, err := ParseFloors(raw)
	require.NoError(t, err)
}
