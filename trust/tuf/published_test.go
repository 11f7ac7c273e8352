// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf_test

import (
	"bytes"
	"crypto/ed25519"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/repository"
	publisher "github.com/choria-io/go-updater/signing/tuf"
	"github.com/choria-io/go-updater/trust"
	"github.com/choria-io/go-updater/trust/tuf"
)

// What our publisher writes is read by our client: from the first release on, with
// the release key besides or without, and after another one was published.
func TestReadsWhatIsPublished(t *testing.T) {
	key := func(n byte) (signature.Signer, trust.Key) {
		private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
		signer, err := signature.LoadED25519Signer(private)
		require.NoError(t, err)
		public, err := trust.NewKey(private.Public().(ed25519.PublicKey))
		require.NoError(t, err)
		return signer, public
	}
	rootSigner, rootKey := key(1)
	targetsSigner, targetsKey := key(2)
	releaseSigner, releaseKey := key(3)
	onlineSigner, onlineKey := key(4)

	dir := t.TempDir()
	r, err := repository.Create(dir)
	require.NoError(t, err)
	defer r.Close()
	_, err = r.InitTUF(t.Context(), publisher.Setup{
		Root: []trust.Key{rootKey}, Threshold: 1, Targets: []trust.Key{targetsKey}, Release: []trust.Key{releaseKey},
		Snapshot: []trust.Key{onlineKey}, Timestamp: []trust.Key{onlineKey}, Bins: 4, Validity: publisher.DefaultValidity(), Now: began,
	})
	require.NoError(t, err)
	_, err = r.SignTUF(t.Context(), repository.SignTUFRequest{Signer: rootSigner, Now: began})
	require.NoError(t, err)
	_, err = r.RefreshTUF(t.Context(), repository.RefreshTUFRequest{
		TUF: repository.TUF{Signers: []signature.Signer{targetsSigner, releaseSigner, onlineSigner}}, Now: began,
	})
	require.NoError(t, err)
	add := func(version, content string) {
		path := filepath.Join(t.TempDir(), "app")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o755))
		_, err = r.Add(t.Context(), repository.AddRequest{
			Files: []repository.File{{Path: path, OS: "linux", Arch: "amd64"}}, Name: "app", Version: version,
			Now: began, Expires: began.Add(365 * 24 * time.Hour), Signer: releaseSigner,
			TUF: repository.TUF{Signers: []signature.Signer{onlineSigner}},
		})
		require.NoError(t, err)
	}
	root, err := os.ReadFile(filepath.Join(dir, "metadata", "1.root.json"))
	require.NoError(t, err)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	w := newWorld(t)
	public := updater.PublicKey([]byte(releaseKey.String()))
	published := []updater.Option{updater.SourceRepo(server.URL), updater.DownloadMethod(tuf.New(root))}

	w.refuses(updater.ErrNotFound, published...)
	add("1.2.3", "version 2")
	require.NoError(t, w.apply(published...))
	w.holds("version 2")
	add("1.2.4", "version 3")
	require.NoError(t, w.apply(append(published, public, updater.CurrentVersion("1.2.3"), updater.Version("1.2.4"))...))
	w.holds("version 3")
	w.now = began.Add(publisher.DefaultValidity().Timestamp + time.Hour)
	w.refuses(trust.ErrExpired, append(published, updater.CurrentVersion("1.2.3"), updater.Version("1.2.4"))...)
}
