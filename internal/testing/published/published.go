// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package published makes a real repository for tests: one release of one
// program, with and without TUF metadata.
package published

import (
	"bytes"
	"crypto/ed25519"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

// Name and Version are those of the release.
const (
	Name    = "prog"
	Version = "2.0.0"
)

// Repository is one in a directory, for this system.
type Repository struct {
	Dir  string
	Keys [2]trust.Key // both signed the release

	signers [2]signature.Signer
}

// Binary is what the release installs.
func Binary() []byte { return bytes.Repeat([]byte("version 2.0.0\n"), 10_000) }

// New publishes a release. With TUF, both keys sign the metadata.
func New(t testing.TB, now time.Time, withTUF bool) *Repository {
	t.Helper()
	r := &Repository{Dir: t.TempDir()}
	for i := range r.signers {
		private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize))
		var err error
		r.signers[i], err = signature.LoadED25519Signer(private)
		require.NoError(t, err)
		r.Keys[i], err = trust.NewKey(private.Public().(ed25519.PublicKey))
		require.NoError(t, err)
	}
	repo, err := repository.Open(r.Dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, repo.Close()) }()
	var online repository.TUF
	if withTUF {
		online.Signers = r.signers[:]
		r.initTUF(t, repo, online, now)
	}
	r.publish(t, repo, online, now)
	return r
}

func (r *Repository) initTUF(t testing.TB, repo *repository.Repository, online repository.TUF, now time.Time) {
	t.Helper()
	first, second := []trust.Key{r.Keys[0]}, []trust.Key{r.Keys[1]}
	_, err := repo.InitTUF(t.Context(), publish.Setup{
		Root: second, Threshold: 1, Targets: second, Release: first, Snapshot: first, Timestamp: first,
		Bins: 4, Validity: publish.DefaultValidity(), Now: now,
	})
	require.NoError(t, err)
	_, err = repo.SignTUF(t.Context(), repository.SignTUFRequest{Signer: r.signers[1], Now: now})
	require.NoError(t, err)
	_, err = repo.RefreshTUF(t.Context(), repository.RefreshTUFRequest{TUF: online, Now: now})
	require.NoError(t, err)
}

func (r *Repository) publish(t testing.TB, repo *repository.Repository, online repository.TUF, now time.Time) {
	t.Helper()
	file := filepath.Join(t.TempDir(), Name)
	require.NoError(t, os.WriteFile(file, Binary(), 0o755))
	_, err := repo.Add(t.Context(), repository.AddRequest{
		Files: []repository.File{{OS: runtime.GOOS, Arch: runtime.GOARCH, Path: file}}, Name: Name, Version: Version,
		Now: now, Expires: now.Add(24 * time.Hour), Signer: r.signers[0], TUF: online,
	})
	require.NoError(t, err)
	before, err := trust.NewPolicy(1, r.Keys[0])
	require.NoError(t, err)
	_, err = repo.Cosign(t.Context(), repository.CosignRequest{Signer: r.signers[1], Now: now, TUF: online, Policy: before})
	require.NoError(t, err)
}

// Policy asks for the first key.
func (r *Repository) Policy(t testing.TB) *trust.Policy {
	t.Helper()
	policy, err := trust.NewPolicy(1, r.Keys[0])
	require.NoError(t, err)
	return policy
}

// Root is the first root metadata.
func (r *Repository) Root(t testing.TB) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(r.Dir, "metadata", "1.root.json"))
	require.NoError(t, err)
	return raw
}

// Serve serves a directory until the test ends, and returns the URL.
func Serve(t testing.TB, dir string) string {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return server.URL
}
