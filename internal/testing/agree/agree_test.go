// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package agree compares what the publisher's verify says of a damaged repository
// with what clients do.
package agree

import (
	"bytes"
	"compress/bzip2"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/testing/published"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
	"github.com/choria-io/go-updater/trust/tuf"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// sentinels are the refusals that a publisher and a client have in common.
var sentinels = []error{
	updater.ErrNotFound, updater.ErrTooLarge, updater.ErrHash, updater.ErrNoArtifact,
	trust.ErrMalformed, trust.ErrUnsigned, trust.ErrSignature, trust.ErrThreshold, trust.ErrMismatch, trust.ErrExpired,
}

// TestVerifyAgreesWithClients damages a repository in every way that it knows, one
// at a time. Whatever a client refuses, verify has a fault for, with the same
// sentinel.
func TestVerifyAgreesWithClients(t *testing.T) {
	w := newWorld(t)
	w.restore(t)
	require.Empty(t, w.verify(t).Metadata.Faults)
	for name, client := range w.clients() {
		require.NoError(t, client(t), name)
	}
	damages := w.damages(t)
	require.Greater(t, len(damages), 200)
	refused := map[string]int{}
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			w.restore(t)
			d.make(t)
			report := w.verify(t)
			faults := faultsOf(report)
			accepted := true
			for name, client := range w.clients() {
				err := client(t)
				if err == nil {
					continue
				}
				accepted = false
				refused[name]++
				require.NotEmpty(t, faults, "%s refuses it: %v", name, err)
				require.True(t, shared(err, faults), "%s: %v\nverify: %v", name, err, faults)
			}
			for _, fault := range faults {
				if accepted {
					require.Regexp(t, `\.json|\.zst|\.bz2|\bbins?\b`, fault.Error(), "says what a client does not need")
				}
			}
		})
	}
	t.Logf("%d kinds of damage, refused by clients: %v", len(damages), refused)
	for name := range w.clients() {
		require.Greater(t, refused[name], 20, name)
	}
}

func faultsOf(r *repository.Report) (all []error) {
	if r.Metadata != nil {
		for _, f := range r.Metadata.Faults {
			all = append(all, f.Err)
		}
	}
	for _, c := range r.Releases {
		for _, f := range c.Faults {
			all = append(all, f.Err)
		}
	}
	return all
}

// shared reports whether a fault has a sentinel of the client's error.
func shared(err error, faults []error) bool {
	for _, sentinel := range sentinels {
		for _, fault := range faults {
			if errors.Is(err, sentinel) && errors.Is(fault, sentinel) {
				return true
			}
		}
	}
	return false
}

// world is a sound repository, and a copy that is damaged and served.
type world struct {
	sound *published.Repository
	files map[string][]byte // of the sound repository
	dir   string            // the copy
	url   string
	hits  atomic.Int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{sound: published.New(t, now, true), files: map[string][]byte{}, dir: t.TempDir()}
	require.NoError(t, filepath.WalkDir(w.sound.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(w.sound.Dir, path)
		if err == nil {
			w.files[filepath.ToSlash(name)], err = os.ReadFile(path)
		}
		return err
	}))
	files := http.FileServer(http.Dir(w.dir))
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.hits.Add(1)
		files.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

// restore makes the copy sound again.
func (w *world) restore(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(w.dir)
	require.NoError(t, err)
	for _, e := range entries {
		require.NoError(t, os.RemoveAll(filepath.Join(w.dir, e.Name())))
	}
	for name, content := range w.files {
		require.NoError(t, os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
		require.NoError(t, os.WriteFile(w.path(name), content, 0o644))
	}
}

func (w *world) verify(t *testing.T) *repository.Report {
	t.Helper()
	repo, err := repository.Open(w.dir)
	require.NoError(t, err)
	defer repo.Close()
	report, err := repo.Verify(t.Context(), repository.VerifyRequest{Policy: w.sound.Policy(t), Now: now, TrustedRoot: w.sound.Root(t)})
	if errors.Is(err, repository.ErrNoRelease) {
		// The release is gone with its document, which is not there to be checked.
		return &repository.Report{Releases: []repository.Checked{{Faults: []repository.Fault{{Err: updater.ErrNotFound}}}}}
	}
	require.NoError(t, err)
	return report
}

// clients are without a memory: one that trusts a key, one that trusts TUF metadata,
// and one that knows bzip2 only.
func (w *world) clients() map[string]func(t *testing.T) error {
	apply := func(by updater.Option) func(t *testing.T) error {
		return func(t *testing.T) error {
			t.Helper()
			target := filepath.Join(t.TempDir(), "prog")
			require.NoError(t, os.WriteFile(target, []byte("version 1.0.0\n"), 0o755))
			return updater.Apply(
				by, updater.TargetFile(target), updater.SourceRepo(w.url), updater.Version(published.Version),
				updater.Clock(func() time.Time { return now }), updater.Logger(log.New(io.Discard, "", 0)),
			)
		}
	}
	return map[string]func(t *testing.T) error{
		"keys":  apply(updater.PublicKey([]byte(w.sound.Keys[0].String()))),
		"TUF":   func(t *testing.T) error { return apply(updater.VouchedBy(tuf.New(w.sound.Root(t))))(t) },
		"bzip2": w.bzip2Only,
	}
}

// bzip2Only verifies the document like every client with a key, and then takes the
// artifact that clients of v0.1.0 take: it knows bzip2 and the hash of the binary.
func (w *world) bzip2Only(t *testing.T) error {
	get := func(name string) ([]byte, error) {
		response, err := http.Get(w.url + "/" + name)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%w: %s", updater.ErrNotFound, name)
		}
		return io.ReadAll(response.Body)
	}
	at := layout.Release{Version: published.Version, OS: runtime.GOOS, Arch: runtime.GOARCH}
	raw, err := get(at.Document())
	if err != nil {
		return err
	}
	verified, err := trust.Verify(raw, w.sound.Policy(t), trust.Want{Version: at.Version, OS: at.OS, Arch: at.Arch, Now: now})
	if err != nil {
		return err
	}
	packed, err := get(at.File(verified.Release.Binary))
	if err != nil {
		return err
	}
	binary, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(packed)))
	if sum := sha256.Sum256(binary); err != nil || hex.EncodeToString(sum[:]) != verified.Release.Hash {
		return fmt.Errorf("%w: %v", updater.ErrHash, err)
	}
	return nil
}

// damage is one thing that is wrong with a repository.
type damage struct {
	name string
	make func(t *testing.T)
}

func (w *world) damages(t *testing.T) (all []damage) {
	t.Helper()
	add := func(name string, make func(t *testing.T)) { all = append(all, damage{name, make}) }
	for _, name := range sortedNames(w.files) {
		content := w.files[name]
		for what, changed := range bytesDamaged(content) {
			add(name+" "+what, w.writes(name, changed))
		}
		if strings.HasSuffix(name, ".json") {
			for what, changed := range jsonDamaged(t, content) {
				add(name+" "+what, w.writes(name, changed))
			}
		}
		add(name+" removed", func(t *testing.T) { require.NoError(t, os.Remove(w.path(name))) })
		for _, other := range sortedNames(w.files) {
			if other > name && filepath.Ext(other) == filepath.Ext(name) && filepath.Dir(other) == filepath.Dir(name) && !bytes.Equal(w.files[other], content) {
				add(name+" exchanged with "+filepath.Base(other), func(t *testing.T) {
					w.writes(name, w.files[other])(t)
					w.writes(other, content)(t)
				})
			}
		}
	}
	return all
}

func (w *world) writes(name string, content []byte) func(t *testing.T) {
	return func(t *testing.T) { require.NoError(t, os.WriteFile(w.path(name), content, 0o644)) }
}
