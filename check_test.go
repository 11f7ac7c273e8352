// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/trust"
)

// tagged serves a directory with entity tags, as most servers and object stores do.
type tagged string

func (dir tagged) ServeHTTP(rw http.ResponseWriter, rq *http.Request) {
	if raw, err := os.ReadFile(filepath.Join(string(dir), rq.URL.Path)); err == nil {
		rw.Header().Set("ETag", `"`+sum(raw)[:16]+`"`)
	}
	http.FileServer(http.Dir(dir)).ServeHTTP(rw, rq)
}

// polled returns a world whose repository has entity tags, and the status codes of
// its answers.
func polled(t *testing.T) (w *world, answers *[]int) {
	t.Helper()
	w = newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	answers = new([]int)
	w.handler = func(rw http.ResponseWriter, rq *http.Request, _ http.Handler) {
		tagged(w.repo).ServeHTTP(&status{rw, answers}, rq)
	}
	return w, answers
}

type status struct {
	http.ResponseWriter
	seen *[]int
}

func (s *status) WriteHeader(code int) {
	*s.seen = append(*s.seen, code)
	s.ResponseWriter.WriteHeader(code)
}

func (w *world) check(more ...updater.Option) (*updater.CheckResult, error) {
	w.t.Helper()
	u, err := updater.New(w.options(more...)...)
	require.NoError(w.t, err)
	return u.Check(w.t.Context())
}

func TestUnchangedDocumentIsNotSentAgain(t *testing.T) {
	for name, options := range map[string][]updater.Option{
		"beside the target":     nil,
		"in a directory for it": {updater.StateDir(filepath.Join(t.TempDir(), "state"))},
	} {
		t.Run(name, func(t *testing.T) {
			w, answers := polled(t)
			for range 3 {
				status, err := w.check(options...)
				require.NoError(t, err)
				require.True(t, status.UpdateNeeded)
				require.Equal(t, sum([]byte(newContent)), status.Release.Hash)
				require.Len(t, status.Signers, 1)
			}
			require.Equal(t, []int{200, 304, 304}, *answers)

			// A new document is seen at once.
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte("another one")))
			status, err := w.check(options...)
			require.NoError(t, err)
			require.Equal(t, sum([]byte("another one")), status.Release.Hash)
			require.Equal(t, 200, (*answers)[3])

			require.NoError(t, updater.Apply(w.options(options...)...))
			w.holds("another one")
			require.Equal(t, []int{304, 200}, (*answers)[4:], "the document, the artifact")
		})
	}
}

func TestKeptDocumentIsVerifiedAnew(t *testing.T) {
	later := updater.Clock(func() time.Time { return now.Add(25 * time.Hour) })
	for name, tc := range map[string]struct {
		change  func(t *testing.T, file string) []updater.Option
		want    error
		answers []int
	}{
		"untouched": {func(*testing.T, string) []updater.Option { return nil }, nil, []int{304}},
		"expired since": {func(*testing.T, string) []updater.Option { return []updater.Option{later} },
			trust.ErrExpired, []int{304, 200}},
		"of another key": {func(*testing.T, string) []updater.Option {
			return []updater.Option{updater.PublicKey(public(testKey(9)))}
		},
			trust.ErrSignature, []int{304, 200}},
		"truncated": {func(t *testing.T, file string) []updater.Option {
			require.NoError(t, os.Truncate(file, 100))
			return nil
		}, nil, []int{200}},
		"a flipped bit": {func(t *testing.T, file string) []updater.Option {
			raw := mustRead(t, file)
			raw[len(raw)/2] ^= 1
			require.NoError(t, os.WriteFile(file, raw, 0o600))
			return nil
		}, nil, []int{200}},
		"endless": {func(t *testing.T, file string) []updater.Option {
			require.NoError(t, os.Truncate(file, 1<<30))
			return nil
		}, nil, []int{200}},
		"removed": {func(t *testing.T, file string) []updater.Option {
			require.NoError(t, os.Remove(file))
			return nil
		}, nil, []int{200}},
		"a directory": {func(t *testing.T, file string) []updater.Option {
			require.NoError(t, os.Remove(file))
			require.NoError(t, os.Mkdir(file, 0o700))
			return nil
		}, nil, []int{200}},
	} {
		t.Run(name, func(t *testing.T) {
			w, answers := polled(t)
			_, err := w.check()
			require.NoError(t, err)
			*answers = nil
			options := tc.change(t, filepath.Join(install.WorkDir(w.target), "document"))
			_, err = w.check(options...)
			if tc.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, tc.want)
			}
			require.Equal(t, tc.answers, *answers)
		})
	}
}

// Two repositories may have the same tag for different documents.
func TestKeptDocumentIsOfOneURL(t *testing.T) {
	w, answers := polled(t)
	_, err := w.check()
	require.NoError(t, err)
	_, err = w.check(updater.SourceRepo(w.server.URL + "/?other"))
	require.NoError(t, err)
	require.Equal(t, []int{200, 200}, *answers)
}

func TestUpdateIsNeededUnlessTheVersionRuns(t *testing.T) {
	w, _ := polled(t)
	for current, needed := range map[string]bool{"": true, "1.2.2": true, "1.2.3": false} {
		u, err := updater.New(w.options(updater.CurrentVersion(current))...)
		require.NoError(t, err)
		status, err := u.Check(t.Context())
		require.NoError(t, err)
		require.Equal(t, needed, status.UpdateNeeded, "%q runs", current)
		require.Equal(t, current, status.Current)
	}
}

// A refused document is not kept, and neither is anything else.
func TestRefusedDocumentIsNotKept(t *testing.T) {
	w, _ := polled(t)
	before := w.snapshot()
	_, err := w.check(updater.PublicKey(public(testKey(9))))
	require.ErrorIs(t, err, trust.ErrSignature)
	require.Equal(t, before, w.snapshot())
}

func TestCheckWorksWithoutACopyOfTheDocument(t *testing.T) {
	w, answers := polled(t)
	require.NoError(t, os.MkdirAll(filepath.Join(install.WorkDir(w.target), "document"), 0o700))
	for range 2 {
		_, err := w.check()
		require.NoError(t, err)
	}
	require.Equal(t, []int{200, 200}, *answers)
}

// counting counts the bytes that a client reads.
type counting struct {
	net.Conn
	n *atomic.Int64
}

func (c counting) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// Ten thousand machines may ask every hour.
func TestUnchangedCheckIsSmall(t *testing.T) {
	w, _ := polled(t)
	var down atomic.Int64
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return counting{conn, &down}, err
	}}}
	_, err := w.check(updater.HTTPClient(client))
	require.NoError(t, err)
	down.Store(0)
	w.requests.Store(0)
	_, err = w.check(updater.HTTPClient(client))
	require.NoError(t, err)
	require.EqualValues(t, 1, w.requests.Load())
	require.LessOrEqual(t, down.Load(), int64(150))
}

func TestJitterIsHalfToThreeHalves(t *testing.T) {
	low, high := time.Hour, time.Duration(0)
	for range 10_000 {
		d := updater.Jitter(time.Hour)
		low, high = min(low, d), max(high, d)
	}
	require.GreaterOrEqual(t, low, 30*time.Minute)
	require.Less(t, high, 90*time.Minute)
	require.Less(t, low, 32*time.Minute)
	require.Greater(t, high, 88*time.Minute)
	require.Zero(t, updater.Jitter(0))
	require.Zero(t, updater.Jitter(-time.Hour))
}
