// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	client "github.com/choria-io/go-updater/trust/tuf"
)

// TestOurTUFClient installs a published release through the metadata, and again after
// the online key and the release key were changed.
func TestOurTUFClient(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	clock := time.Now()
	draftedAt(t, r, clock)
	root, _ := seeded(t, rootSeed)
	_, err := r.SignTUF(t.Context(), SignTUFRequest{Signer: root, Now: clock})
	require.NoError(t, err)
	refresh := func(seeds ...byte) {
		_, err := r.RefreshTUF(t.Context(), RefreshTUFRequest{TUF: tufWith(t, seeds...), Now: clock})
		require.NoError(t, err)
	}
	refresh(targetsSeed, releaseSeed, onlineSeed)
	trusted, err := os.ReadFile(filepath.Join(dir, layout.MetadataDir, "1.root.json"))
	require.NoError(t, err)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)

	state := t.TempDir()
	target := filepath.Join(t.TempDir(), "choria")
	require.NoError(t, os.WriteFile(target, []byte("old"), 0o755))
	install := func(version string, release, online byte, seed int64) {
		req := request(t, seed)
		req.Version, req.Now, req.Expires, req.TUF = version, clock, clock.AddDate(1, 0, 0), tufWith(t, online)
		req.Signer, _ = seeded(t, release)
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.NoError(t, updater.Apply(
			updater.SourceRepo(server.URL), updater.Version(version), updater.OS("linux"), updater.Arch("amd64"),
			updater.TargetFile(target), updater.StateDir(state), updater.VouchedBy(client.New(trusted)),
		))
		want, err := os.ReadFile(req.Files[0].Path)
		require.NoError(t, err)
		got, err := os.ReadFile(target)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	install("1.2.3", releaseSeed, onlineSeed, 1)

	_, err = r.RotateTUF(t.Context(), TUF{}, publish.Rotation{
		Roles: []string{publish.Snapshot, publish.Timestamp}, Now: clock,
		Remove: []string{publish.KeyID(keyOfSeed(t, onlineSeed)[0])}, Add: keyOfSeed(t, 77),
	})
	require.NoError(t, err)
	_, err = r.SignTUF(t.Context(), SignTUFRequest{Signer: root, Now: clock, TUF: tufWith(t, 77)})
	require.NoError(t, err)
	install("1.2.4", releaseSeed, 77, 10)

	_, err = r.RotateTUF(t.Context(), tufWith(t, targetsSeed), publish.Rotation{
		Roles: []string{publish.Bins}, Now: clock,
		Remove: []string{publish.KeyID(keyOfSeed(t, releaseSeed)[0])}, Add: keyOfSeed(t, 78),
	})
	require.NoError(t, err)
	refresh(78, 77)
	install("1.2.5", 78, 77, 20)
}
