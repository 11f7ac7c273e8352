// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/testing/tufsim"
	"github.com/choria-io/go-updater/trust"
)

// A key with two names counts once, and a threshold of 0 is never met.
func TestKeyring(t *testing.T) {
	key, other := tufsim.NewECDSA().Public, tufsim.NewECDSA().Public
	r := NewKeyring(map[string]*metadata.Key{"a": key, "b": key, "c": other}, []string{"a", "b", "c", "missing"}, 2)
	require.Len(t, r.Keys(), 3)
	require.Nil(t, r.Listed("missing"))
	ids := []string{r.Keys()[0].ID, r.Keys()[2].ID}
	name, ok := r.Name(ids[1])
	require.True(t, ok)
	require.Equal(t, "c", name)
	_, ok = r.Name("c")
	require.False(t, ok, "a name is no ID")
	require.False(t, r.Enough(ids[:1]))
	require.True(t, r.Enough(ids))
	r.Threshold = 0
	require.False(t, r.Enough(ids))

	repo := tufsim.New(began)
	md, err := Parse[metadata.TimestampType](repo.Latest(Timestamp))
	require.NoError(t, err)
	_, err = Verify(r, md)
	require.ErrorIs(t, err, trust.ErrSignature)
	own := RootKeyring(repo.Root, Timestamp)
	by, err := Verify(own, md)
	require.NoError(t, err)
	require.Equal(t, own.Keys()[0].ID, by[0])
	own.Threshold = 0
	_, err = Verify(own, md)
	require.ErrorIs(t, err, trust.ErrThreshold)
}

// One key under two names signs once, although both signatures verify.
func TestOneKeyWithTwoNamesSignsOnce(t *testing.T) {
	repo := tufsim.New(began)
	twin := *repo.Signers[Timestamp][0]
	twin.ID = "twin"
	repo.AddKey(Timestamp, &twin)
	repo.Root.Roles[Timestamp].Threshold = 2
	repo.Publish(Timestamp)
	md, err := Parse[metadata.TimestampType](repo.Latest(Timestamp))
	require.NoError(t, err)
	require.Len(t, md.Signatures, 2)
	_, err = Verify(RootKeyring(repo.Root, Timestamp), md)
	require.ErrorIs(t, err, trust.ErrThreshold)
	repo.AddKey(Timestamp, repo.NewKey())
	repo.Publish(Timestamp)
	md, err = Parse[metadata.TimestampType](repo.Latest(Timestamp))
	require.NoError(t, err)
	_, err = Verify(RootKeyring(repo.Root, Timestamp), md)
	require.NoError(t, err)
}
