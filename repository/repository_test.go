// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/trust"
)

func TestOpen(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
	file := program(t, 1)
	_, err = Open(file)
	require.ErrorContains(t, err, "not a directory")
	_, err = Create(filepath.Join(file, "below"))
	require.Error(t, err)
	require.False(t, errors.Is(err, os.ErrExist))
}

func TestList(t *testing.T) {
	dir, r := published(t)
	for _, v := range []string{"1.10.0", "v1.9.0", "nightly"} {
		req := request(t, 1)
		req.Version = v
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
	}
	legacy(t, dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "nightly/linux/amd64", layout.DocumentName), []byte("{"), 0o644))

	entries, err := r.List(t.Context(), Filter{OS: "linux"})
	require.NoError(t, err)
	var versions []string
	for _, e := range entries {
		versions = append(versions, e.Version)
	}
	require.Equal(t, []string{"nightly", "1.2.3", "v1.9.0", "1.10.0"}, versions)
	require.NotEmpty(t, entries[0].Problem)
	require.True(t, entries[1].Legacy)
	require.Zero(t, entries[1].Signatures)
	require.Equal(t, 1, entries[2].Signatures)
	require.Equal(t, "choria", entries[2].Name)
}

func TestReadingOfDocumentsIsLimited(t *testing.T) {
	dir, r := published(t)
	at := Location{"1.2.3", "linux", "amd64"}
	require.NoError(t, os.Truncate(filepath.Join(dir, at.document()), 4*trust.MaxDocument))
	raw, err := r.readDocument(t.Context(), at)
	require.NoError(t, err)
	require.Len(t, raw, trust.MaxDocument+1)
	report := verifyAll(t, r)
	require.ErrorIs(t, report.Releases[0].Faults[0].Err, trust.ErrMalformed)
}
