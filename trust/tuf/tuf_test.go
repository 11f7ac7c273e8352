// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/testing/tufsim"
	"github.com/choria-io/go-updater/trust"
	"github.com/choria-io/go-updater/trust/tuf"
)

func TestApply(t *testing.T) {
	w := newWorld(t)
	w.release("1.2.3", "version 2", nil)
	u, err := updater.New(w.options()...)
	require.NoError(t, err)
	result, err := u.Apply(t.Context())
	require.NoError(t, err)
	require.True(t, result.Updated)
	require.Len(t, result.Signers, 1, "the key of the bin")
	w.holds("version 2")
	require.FileExists(t, w.kept("timestamp.json"), "metadata is kept after the update")

	w.release("1.2.4", "version 3", nil)
	require.NoError(t, w.apply(updater.CurrentVersion("1.2.3"), updater.Version("1.2.4")))
	w.holds("version 3")
}

func TestKeyAndMetadataMustBothHold(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	public := updater.PublicKey(key.Public().(ed25519.PublicKey))

	w := newWorld(t)
	w.release("1.2.3", "version 2", other)
	w.refuses(trust.ErrSignature, public)
	w.release("1.2.3", "version 2", nil)
	w.refuses(trust.ErrUnsigned, public)
	w.release("1.2.3", "version 2", key)
	w.Signers[tufsim.Timestamp] = nil
	w.Publish(tufsim.Timestamp)
	w.refuses(trust.ErrUnsigned, public)
	w.Signers[tufsim.Timestamp] = []*tufsim.Key{w.NewKey()}
	w.AddKey(tufsim.Timestamp, w.NewKey())
	w.Publish(tufsim.Root, tufsim.Timestamp)
	require.NoError(t, w.apply(public))
	w.holds("version 2")
}

func TestBadMetadataIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(w *world)
		want   error
	}{
		"timestamp of another key": {func(w *world) {
			w.Signers[tufsim.Timestamp] = []*tufsim.Key{w.NewKey()}
			w.Publish(tufsim.Timestamp)
		}, trust.ErrSignature},
		"expired":          {func(w *world) { w.now = began.Add(tufsim.Lifetime) }, trust.ErrExpired},
		"no such version":  {func(w *world) { delete(w.Roles[bin("1.2.3")].Targets, path("1.2.3")); w.PublishAll(bin("1.2.3")) }, updater.ErrNotFound},
		"no metadata":      {func(w *world) { delete(w.Signed, tufsim.Timestamp) }, updater.ErrNotFound},
		"another document": {func(w *world) { w.Files[path("1.2.3")] = bytes.ToUpper(w.Files[path("1.2.3")]) }, trust.ErrMismatch},
		"a longer document": {func(w *world) {
			w.Files[path("1.2.3")] = append(w.Files[path("1.2.3")], ' ')
		}, updater.ErrTooLarge},
		"a document of a megabyte": {func(w *world) {
			w.AddTarget(bin("1.2.3"), path("1.2.3"), make([]byte, 1<<20))
			w.PublishAll(bin("1.2.3"))
		}, updater.ErrTooLarge},
		"another artifact": {func(w *world) {
			w.other["/1.2.3/linux/amd64/app-linux-amd64-1.2.3.bz2"] = []byte("malice")
		}, updater.ErrHash},
		"a web page in place of metadata": {func(w *world) { w.ReplaceLatest(tufsim.Timestamp, []byte("<html>")) }, trust.ErrMalformed},
		"the timestamp names nothing":     {func(w *world) { delete(w.Timestamp.Meta, "snapshot.json"); w.Publish(tufsim.Timestamp) }, trust.ErrMalformed},
		"a terabyte of signed snapshot":   {func(w *world) { w.Timestamp.Meta["snapshot.json"].Length = 1 << 40; w.Publish(tufsim.Timestamp) }, updater.ErrTooLarge},
		"a file in place of the directory of metadata": {func(w *world) {
			require.NoError(t, os.MkdirAll(filepath.Dir(w.kept("")), 0o700))
			require.NoError(t, os.WriteFile(strings.TrimSuffix(w.kept(""), "/"), nil, 0o600))
		}, updater.ErrState},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.release("1.2.3", "version 2", nil)
			tc.change(w)
			w.refuses(tc.want)
		})
	}
}

func TestNewChecksTheRoot(t *testing.T) {
	w := newWorld(t)
	w.Signers[tufsim.Root] = []*tufsim.Key{w.NewKey()}
	w.Publish(tufsim.Root)
	for name, root := range map[string][]byte{
		"none": nil, "no root": w.Latest(tufsim.Timestamp), "signed by another": w.Latest(tufsim.Root), "cut": w.root[:len(w.root)-1],
	} {
		_, err := updater.New(w.options(updater.VouchedBy(tuf.New(root)))...)
		require.ErrorIs(t, err, updater.ErrConfig, name)
	}
	require.Empty(t, w.Asked())
}

func TestForbiddenNextRootIsTakenForMissing(t *testing.T) {
	w := newWorld(t)
	w.release("1.2.3", "version 2", nil)
	w.answer = func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/2.root.json") {
			return false
		}
		rw.WriteHeader(http.StatusForbidden)
		return true
	}
	require.NoError(t, w.apply())
	w.holds("version 2")
}

// If a mirror withholds the newer root, the client does not go back to the root that it
// was built with, whose keys are revoked.
func TestRootIsNotForgotten(t *testing.T) {
	w := newWorld(t)
	w.release("1.2.3", "version 2", nil)
	stolen := w.Signers[tufsim.Timestamp]
	w.Rotate(tufsim.Timestamp)
	w.Publish(tufsim.Root, tufsim.Timestamp)
	require.NoError(t, w.apply())

	w.Signed[tufsim.Root] = w.Signed[tufsim.Root][:1]
	w.Signers[tufsim.Timestamp] = stolen
	w.release("1.2.4", "malice", nil)
	w.refuses(trust.ErrSignature, updater.CurrentVersion("1.2.3"), updater.Version("1.2.4"))
	require.NoError(t, os.Remove(w.kept("2.root.json")))
	w.refuses(trust.ErrRollback, updater.CurrentVersion("1.2.3"), updater.Version("1.2.4"))
	w.holds("version 2")
}

func TestNextMirrorIsAskedAfterAFailure(t *testing.T) {
	w := newWorld(t)
	w.release("1.2.3", "version 2", nil)
	stale := httptest.NewServer(http.NotFoundHandler())
	defer stale.Close()
	var slogged bytes.Buffer
	require.NoError(t, w.apply(updater.SourceRepo(stale.URL), updater.Mirrors(w.server.URL), updater.Slog(slog.New(slog.NewTextHandler(&slogged, nil)))))
	w.holds("version 2")
	require.Contains(t, w.log.String(), "trying the next one")

	// A mirror with the right metadata and a wrong document fails too.
	w = newWorld(t)
	w.release("1.2.3", "version 2", nil)
	wrong := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "release.json") {
			_, _ = rw.Write(bytes.ToUpper(w.Files[path("1.2.3")]))
			return
		}
		w.server.Config.Handler.ServeHTTP(rw, r)
	}))
	defer wrong.Close()
	require.NoError(t, w.apply(updater.SourceRepo(wrong.URL), updater.Mirrors(w.server.URL)))
	w.holds("version 2")
	require.Contains(t, slogged.String(), "trying the next one")

	w = newWorld(t)
	w.release("1.2.3", "version 2", nil)
	before := w.Latest(tufsim.Timestamp)
	w.Publish(tufsim.Timestamp)
	require.NoError(t, w.apply())
	// A mirror with older metadata than was seen is refused.
	w.ReplaceLatest(tufsim.Timestamp, before)
	w.refuses(trust.ErrRollback, updater.CurrentVersion(""), updater.SourceRepo(stale.URL), updater.Mirrors(w.server.URL))
}

// What is remembered of a release belongs to the keys of targets and of the bins. New
// keys for these start a new memory, which repairs a version that an attacker drove up.
func TestTrustIDFollowsTheKeysOfReleases(t *testing.T) {
	w := newWorld(t)
	w.release("1.2.3", "version 2", nil)
	w.release("1.2.4", "version 3", nil)
	id := func(version string) string {
		spy := &spyAuthority{Authority: tuf.New(w.root)}
		u, err := updater.New(w.options(updater.Version(version), updater.VouchedBy(spy))...)
		require.NoError(t, err)
		_, err = u.Check(t.Context())
		require.NoError(t, err)
		return spy.id
	}
	first := id("1.2.3")
	require.Equal(t, first, id("1.2.4"), "of all bins")
	for _, role := range []string{tufsim.Timestamp, tufsim.Snapshot, tufsim.Root} {
		signers := w.Signers[role]
		w.Rotate(role)
		if role == tufsim.Root {
			w.Signers[role] = append(w.Signers[role], signers...)
		}
		w.Publish(tufsim.Root, tufsim.Targets, tufsim.Snapshot, tufsim.Timestamp)
		if role == tufsim.Root {
			w.Signers[role] = w.Signers[role][:1]
		}
		require.Equal(t, first, id("1.2.3"), role)
	}
	w.Rotate(tufsim.Targets)
	w.Publish(tufsim.Root)
	w.PublishAll(tufsim.Targets)
	second := id("1.2.3")
	require.NotEqual(t, first, second)
	for _, name := range []string{"bin-0", "bin-1"} {
		w.Signers[name] = nil
	}
	targets := w.Targets().Targets
	w.Bins(tufsim.Targets, 1, "bin", w.NewKey())
	w.Targets().Targets = targets
	w.PublishAll("bin-0", "bin-1", tufsim.Targets)
	require.NotEqual(t, second, id("1.2.3"))
}

// spyAuthority remembers the TrustID of the last document.
type spyAuthority struct {
	updater.Authority
	id string
}

func (s *spyAuthority) Refresh(ctx context.Context, r updater.Refresh) (updater.Voucher, error) {
	v, err := s.Authority.Refresh(ctx, r)
	return spyVoucher{v, s}, err
}

type spyVoucher struct {
	updater.Voucher
	of *spyAuthority
}

func (s spyVoucher) Document(ctx context.Context, name string) (*updater.Vouched, error) {
	got, err := s.Voucher.Document(ctx, name)
	if err == nil {
		s.of.id = got.TrustID
	}
	return got, err
}

func TestFetchSpecNeedsNoTarget(t *testing.T) {
	w := newWorld(t)
	w.release("1.2.3", "version 2", nil)
	spec, err := updater.FetchSpec(w.options(updater.TargetFile(w.target + ".absent"))...)
	require.NoError(t, err)
	require.Equal(t, sum([]byte("version 2")), spec.Sha256Hash)
	require.NoDirExists(t, filepath.Dir(w.kept("")))
}

func TestStateDir(t *testing.T) {
	w := newWorld(t)
	w.release("1.2.3", "version 2", nil)
	dir := t.TempDir()
	require.NoError(t, w.apply(updater.StateDir(dir)))
	found, err := filepath.Glob(filepath.Join(dir, "app-*", "authority", "timestamp.json"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.NoDirExists(t, w.kept(""))

	// The temporary file of a killed process is removed by the next write of that file.
	left := found[0] + ".write-" + strings.Repeat("A", 26)
	require.NoError(t, os.WriteFile(left, nil, 0o600))
	w.Publish(tufsim.Timestamp)
	u, err := updater.New(w.options(updater.StateDir(dir))...)
	require.NoError(t, err)
	_, err = u.Check(t.Context())
	require.NoError(t, err)
	require.NoFileExists(t, left)
}

// A Check does not wait for another process that waits for the network. What both store
// is consistent.
func TestNoLockOverTheNetwork(t *testing.T) {
	w := newWorld(t)
	w.release("1.2.3", "version 2", nil)
	reached, proceed := make(chan struct{}), make(chan struct{})
	w.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/timestamp.json") && r.Header.Get("First") != "" {
			select {
			case <-reached:
			default:
				close(reached)
				<-proceed
			}
		}
		return false
	}
	first := make(chan error, 1)
	go func() { first <- updater.Apply(w.options(updater.Header("First", "1"))...) }()
	<-reached
	u, err := updater.New(w.options()...)
	require.NoError(t, err)
	_, err = u.Check(t.Context())
	require.NoError(t, err)
	close(proceed)
	require.NoError(t, <-first)
	_, err = u.Check(t.Context())
	require.NoError(t, err)
	w.holds("version 2")
}

// A panic becomes an error, and the program goes on. Its next attempt must work.
func TestPanicLeavesNoLock(t *testing.T) {
	w := newWorld(t)
	w.release("1.2.3", "version 2", nil)
	w.refuses(updater.ErrPanic, updater.HTTPClient(&http.Client{Transport: panics{}}))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	u, err := updater.New(w.options()...)
	require.NoError(t, err)
	_, err = u.Check(ctx)
	require.NoError(t, err)
}

// panics is a transport that panics.
type panics struct{}

func (panics) RoundTrip(*http.Request) (*http.Response, error) { panic("boom") }
