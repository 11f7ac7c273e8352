// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package release_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/release"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

// lines is a Log that keeps the messages.
type lines struct {
	mu          sync.Mutex
	infos, warn []string
}

func (l *lines) Info(_ context.Context, message string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.infos = append(l.infos, message+fmt.Sprint(args...))
}

func (l *lines) Warn(_ context.Context, message string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.warn = append(l.warn, message+fmt.Sprint(args...))
}

// repository serves files by name, with entity tags.
type repository struct {
	*httptest.Server
	mu     sync.Mutex
	files  map[string][]byte
	tagged bool
	asked  []string // names, with " (tag)" if the request had one
	answer func(w http.ResponseWriter, r *http.Request) bool
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	r := &repository{files: map[string][]byte{}, tagged: true}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *repository) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := req.URL.Path[1:]
	if tag := req.Header.Get("If-None-Match"); tag != "" {
		name += " (tag)"
	}
	r.asked = append(r.asked, name)
	if r.answer != nil && r.answer(w, req) {
		return
	}
	content, ok := r.files[req.URL.Path[1:]]
	if !ok {
		http.NotFound(w, req)
		return
	}
	if r.tagged {
		w.Header().Set("ETag", `"`+sum(content)+`"`)
	}
	http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(content))
}

func (r *repository) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.asked
	r.asked = nil
	return asked
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

var at = layout.Release{Version: "1.2.3", OS: "linux", Arch: "amd64"}

func newSource(t *testing.T, repos ...*repository) (*release.Source, *lines) {
	t.Helper()
	log := &lines{}
	client, err := fetch.New(fetch.Options{Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, Note: log.Warn})
	require.NoError(t, err)
	s := &release.Source{Release: at, Client: client, Log: log, MaxSize: 1 << 20}
	for _, r := range repos {
		u, err := layout.ParseURL(r.URL)
		require.NoError(t, err)
		s.Repos = append(s.Repos, u)
	}
	return s, log
}

func accept([]byte) error { return nil }

func TestDocumentIsTheFirstThatIsAccepted(t *testing.T) {
	empty, bad, good, unasked := newRepository(t), newRepository(t), newRepository(t), newRepository(t)
	bad.files[at.Document()], good.files[at.Document()] = []byte("bad"), []byte("good")
	s, log := newSource(t, empty, bad, good, unasked)
	var seen []string
	_, err := s.Document(t.Context(), release.Cache{}, func(document []byte) error {
		if seen = append(seen, string(document)); string(document) == "bad" {
			return trust.ErrSignature
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{"bad", "good"}, seen)
	require.Empty(t, unasked.requests())
	require.Len(t, log.warn, 2)
	require.Contains(t, log.warn[0], "trying the next one")
}

func TestDocumentErrorsOfAllRepositories(t *testing.T) {
	empty, bad := newRepository(t), newRepository(t)
	bad.files[at.Document()] = []byte("bad")
	s, _ := newSource(t, empty, bad)
	answer, err := s.Document(t.Context(), release.Cache{}, func([]byte) error { return trust.ErrSignature })
	require.Nil(t, answer)
	require.ErrorIs(t, err, fetch.ErrNotFound)
	require.ErrorIs(t, err, trust.ErrSignature)
	require.ErrorContains(t, err, empty.URL)
	require.ErrorContains(t, err, bad.URL)
}

func TestDocumentSizeLimit(t *testing.T) {
	r := newRepository(t)
	s, _ := newSource(t, r)
	for size, want := range map[int]error{trust.MaxDocument: nil, trust.MaxDocument + 1: fetch.ErrTooLarge} {
		r.files[at.Document()] = make([]byte, size)
		_, err := s.Document(t.Context(), release.Cache{}, accept)
		require.ErrorIs(t, err, want)
	}
}

func TestNextRepositoryIsNotAskedOnceTheContextIsDone(t *testing.T) {
	first, second := newRepository(t), newRepository(t)
	s, log := newSource(t, first, second)
	ctx, cancel := context.WithCancel(t.Context())
	first.answer = func(w http.ResponseWriter, r *http.Request) bool { cancel(); return false }
	_, err := s.Document(ctx, release.Cache{}, accept)
	require.Error(t, err)
	require.Empty(t, second.requests())
	require.Empty(t, log.warn)
}

// cached is a repository whose document was kept.
func cached(t *testing.T) (*release.Source, *repository, release.Cache) {
	t.Helper()
	r := newRepository(t)
	r.files[at.Document()] = []byte("document")
	s, _ := newSource(t, r)
	cache := release.Cache{Dir: store.In(t.TempDir(), "target")}
	answer, err := s.Document(t.Context(), cache, accept)
	require.NoError(t, err)
	require.NoError(t, cache.Keep(answer))
	require.Equal(t, []string{at.Document()}, r.requests())
	return s, r, cache
}

func TestKeptDocumentIsAcceptedAnew(t *testing.T) {
	s, r, cache := cached(t)
	var seen []string
	answer, err := s.Document(t.Context(), cache, func(document []byte) error { seen = append(seen, string(document)); return nil })
	require.NoError(t, err)
	require.Equal(t, []string{"document"}, seen)
	require.Equal(t, []string{at.Document() + " (tag)"}, r.requests())

	before, err := os.Stat(filepath.Join(cache.Dir.Path(), "document"))
	require.NoError(t, err)
	require.NoError(t, cache.Keep(answer))
	after, err := os.Stat(filepath.Join(cache.Dir.Path(), "document"))
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "it is not written again")
}

func TestKeptDocumentThatIsRefusedIsFetchedAnew(t *testing.T) {
	s, r, cache := cached(t)
	calls := 0
	_, err := s.Document(t.Context(), cache, func([]byte) error {
		if calls++; calls == 1 {
			return trust.ErrExpired
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{at.Document() + " (tag)", at.Document()}, r.requests())

	_, err = s.Document(t.Context(), cache, func([]byte) error { return trust.ErrExpired })
	require.ErrorIs(t, err, trust.ErrExpired)

	r.answer = func(w http.ResponseWriter, req *http.Request) bool {
		if req.Header.Get("If-None-Match") == "" {
			_, _ = w.Write(make([]byte, trust.MaxDocument+1))
			return true
		}
		return false
	}
	_, err = s.Document(t.Context(), cache, func([]byte) error { return trust.ErrExpired })
	require.ErrorIs(t, err, fetch.ErrTooLarge)
}

func TestNewDocumentIsSeenInSpiteOfTheCache(t *testing.T) {
	s, r, cache := cached(t)
	r.files[at.Document()] = []byte("another one")
	answer, err := s.Document(t.Context(), cache, func(document []byte) error {
		if string(document) != "another one" {
			return errors.New("the old one")
		}
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, cache.Keep(answer))
	raw, err := os.ReadFile(filepath.Join(cache.Dir.Path(), "document"))
	require.NoError(t, err)
	require.Contains(t, string(raw), "another one")
}

// Two repositories may have the same entity tag for different documents.
func TestKeptDocumentOfAnotherURLIsNotUsed(t *testing.T) {
	_, first, cache := cached(t)
	second := newRepository(t)
	second.files = first.files
	s, _ := newSource(t, second)
	_, err := s.Document(t.Context(), cache, accept)
	require.NoError(t, err)
	require.Equal(t, []string{at.Document()}, second.requests(), "no tag")
}

func TestDamagedCacheIsIgnored(t *testing.T) {
	s, r, cache := cached(t)
	file := filepath.Join(cache.Dir.Path(), "document")
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-1] ^= 1
	for name, damaged := range map[string][]byte{
		"flipped": flipped, "cut": whole[:len(whole)-1], "empty": {}, "longer": append(bytes.Clone(whole), ' '),
		"too long": append(bytes.Clone(whole), make([]byte, 1<<20)...),
	} {
		require.NoError(t, os.WriteFile(file, damaged, 0o600))
		_, err := s.Document(t.Context(), cache, accept)
		require.NoError(t, err)
		require.Equal(t, []string{at.Document()}, r.requests(), name)
	}
}

func TestDocumentWithoutTagIsNotKept(t *testing.T) {
	r := newRepository(t)
	r.files[at.Document()], r.tagged = []byte("document"), false
	s, _ := newSource(t, r)
	cache := release.Cache{Dir: store.In(t.TempDir(), "target")}
	answer, err := s.Document(t.Context(), cache, accept)
	require.NoError(t, err)
	require.NoError(t, cache.Keep(answer))
	require.NoFileExists(t, filepath.Join(cache.Dir.Path(), "document"))
}
