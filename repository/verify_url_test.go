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
		report, err := VerifyURL(t.Context(), parseURL(t, server.URL), req)
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
