// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/testing/tufsim"
	"github.com/choria-io/go-updater/trust"
)

func TestPanicIsAnError(t *testing.T) {
	err := guard(func() error { panic("boom") })
	require.ErrorIs(t, err, errPanic)
	require.ErrorContains(t, err, "boom")
	repo := tufsim.New(began)
	repo.Targets().Targets["x"] = nil
	repo.Publish(Targets)
	_, err = Parse[metadata.TargetsType](repo.Latest(Targets))
	require.ErrorIs(t, err, errPanic, "the library still needs it")
	require.ErrorIs(t, err, trust.ErrMalformed)
}

// Every kind of metadata has its own limit.
func TestParseIsLimited(t *testing.T) {
	repo := tufsim.New(began)
	for role, parse := range map[string]func([]byte) error{
		Root:      parseAs[metadata.RootType],
		Timestamp: parseAs[metadata.TimestampType],
		Snapshot:  parseAs[metadata.SnapshotType],
		Targets:   parseAs[metadata.TargetsType],
	} {
		raw := repo.Latest(role)
		raw = append(bytes.Clone(raw), bytes.Repeat([]byte(" "), int(Limit(role))-len(raw))...)
		require.NoError(t, parse(raw), role)
		require.ErrorIs(t, parse(append(raw, ' ')), trust.ErrMalformed, role)
	}
}

func parseAs[T metadata.Roles](data []byte) error {
	_, err := Parse[T](data)
	return err
}

// A key that signs for one kind of metadata does not vouch for another kind.
func TestParseOtherKinds(t *testing.T) {
	repo := tufsim.New(began)
	require.ErrorIs(t, parseAs[metadata.TimestampType](repo.Latest(Root)), trust.ErrMalformed)
	require.ErrorIs(t, parseAs[metadata.RootType](repo.Latest(Targets)), trust.ErrMalformed)
}
