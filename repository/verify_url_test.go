// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/trust"
)

func TestVerifyURL(t *testing.T) {
	dir, _ := published(t)
	_, key := seeded(t, 1)
	req := VerifyRequest{Policy: policy(t, 1, key), Now: now, Filter: Filter{Version: "1.2.3"}}
	base := serve(t, dir)

	t.Run("all platforms are found", func(t *testing.T) {
		downloads := t.TempDir()
		t.Setenv("TMPDIR", downloads)
		t.Setenv("TMP", downloads)
		report, err := VerifyURL(t.Context(), base, req)
		require.NoError(t, err)
		require.True(t, report.OK())
		require.Len(t, report.Releases, 2)
		require.Empty(t, tree(t, downloads))
	})

	t.Run("a file URL", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("NOT PROVEN: the file URL of a temporary directory is not simple")
		}
		report, err := VerifyURL(t.Context(), &url.URL{Scheme: "file", Path: dir}, req)
		require.NoError(t, err)
		require.True(t, report.OK())
		require.Len(t, report.Releases, 2)
	})

	t.Run("a missing artifact is not an absent release", func(t *testing.T) {
		broken, _ := published(t)
		require.NoError(t, os.Remove(filepath.Join(broken, linuxDir, "choria-linux-amd64-1.2.3.bz2")))
		report, err := VerifyURL(t.Context(), serve(t, broken), req)
		require.NoError(t, err)
		require.Len(t, report.Releases, 2)
		require.ErrorIs(t, report.Releases[0].Faults[0].Err, ErrMissing)
	})

	t.Run("a server that fails", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
		defer server.Close()
		_, err := VerifyURL(t.Context(), parseURL(t, server.URL), req)
		require.ErrorIs(t, err, fetch.ErrStatus)
		require.Equal(t, 1, strings.Count(err.Error(), "release.json"), "one failure, not one for each platform")

		one := req
		one.OS, one.Arch = "linux", "amd64"
		report, err := VerifyURL(t.Context(), parseURL(t, server.URL), one)
		require.NoError(t, err)
		require.False(t, report.OK())
		require.ErrorIs(t, report.Releases[0].Faults[0].Err, fetch.ErrStatus)
		require.Equal(t, "fetch.ErrStatus", report.Releases[0].Faults[0].Check)
	})
}

func TestVerifyURLRefuses(t *testing.T) {
	dir, _ := published(t)
	_, key := seeded(t, 1)
	base := serve(t, dir)
	for name, tc := range map[string]struct {
		filter Filter
		want   error
	}{
		"no release":              {Filter{Version: "9.9.9"}, ErrNoRelease},
		"no release for platform": {Filter{Version: "9.9.9", OS: "linux", Arch: "amd64"}, ErrNoRelease},
		"no version":              {Filter{}, ErrRequest},
		"a path as version":       {Filter{Version: ".."}, trust.ErrMalformed},
	} {
		_, err := VerifyURL(t.Context(), base, VerifyRequest{Policy: policy(t, 1, key), Now: now, Filter: tc.filter})
		require.ErrorIs(t, err, tc.want, name)
	}
}

// Object stores read an unescaped plus sign as a space.
func TestVerifyURLEscapesPlus(t *testing.T) {
	dir := t.TempDir()
	req := request(t, 1)
	req.Version = "1.2.3+build.5"
	_, err := create(t, dir).Add(t.Context(), req)
	require.NoError(t, err)
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.RequestURI, "+") {
			http.NotFound(w, r)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer server.Close()
	_, key := seeded(t, 1)
	report, err := VerifyURL(t.Context(), parseURL(t, server.URL+"/"), VerifyRequest{
		Policy: policy(t, 1, key), Now: now, Filter: Filter{Version: req.Version},
	})
	require.NoError(t, err)
	require.True(t, report.OK())
	require.Len(t, report.Releases, 2)
}

// A server that wants credentials wants them for everything.
func TestE12_CredentialsAreMissing(t *testing.T) {
	for name, tc := range map[string]struct {
		dir  string
		only string // what credentials are wanted for
	}{
		"everything":       {dir: "plain"},
		"metadata":         {dir: "tuf", only: "metadata/"},
		"documents":        {dir: "tuf", only: "release.json"},
		"all but metadata": {dir: "plain", only: "1.2.3/"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := published(t)
			if tc.dir == "tuf" {
				dir = t.TempDir()
				r := create(t, dir)
				withTUF(t, r)
				_, err := r.Add(t.Context(), tufRequest(t, 1, true))
				require.NoError(t, err)
			}
			files := http.FileServer(http.Dir(dir))
			var wanted, elsewhere atomic.Int32
			other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "" {
					elsewhere.Add(1)
				}
			}))
			defer other.Close()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.Contains(r.URL.Path, tc.only) && r.Header.Get("Authorization") != "Bearer t0ken":
					wanted.Add(1)
					w.WriteHeader(http.StatusUnauthorized)
				case strings.Contains(r.URL.Path, "/aix/"):
					http.Redirect(w, r, other.URL+"/x", http.StatusFound)
				default:
					files.ServeHTTP(w, r)
				}
			}))
			defer server.Close()
			_, key := seeded(t, 1)
			req := VerifyRequest{Policy: policy(t, 1, key), Now: now, Filter: Filter{Version: "1.2.3"}}
			_, err := VerifyURL(t.Context(), parseURL(t, server.URL+"/"), req)
			require.ErrorIs(t, err, fetch.ErrUnauthorized)
			require.NotErrorIs(t, err, fetch.ErrProxy)
			require.NotContains(t, err.Error(), "no document can be read")
			require.LessOrEqual(t, int(wanted.Load()), 2*probes, "it does not go on")

			req.Header = http.Header{"Authorization": {"Bearer t0ken"}}
			report, err := VerifyURL(t.Context(), parseURL(t, server.URL+"/"), req)
			require.NoError(t, err)
			require.NotEmpty(t, report.Releases)
			require.Zero(t, elsewhere.Load(), "another server does not get the header")
		})
	}
	_, err := VerifyURL(t.Context(), parseURL(t, "https://example.com/"), VerifyRequest{
		InsecureUnsigned: true, Now: now, Filter: Filter{Version: "1.2.3"}, Header: http.Header{"X": {"a\nb"}},
	})
	require.ErrorIs(t, err, fetch.ErrHeader)
}
