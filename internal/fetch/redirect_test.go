// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const secret = "glpat-0123456789"

// recorder records the headers of requests by path.
type recorder struct {
	mu  sync.Mutex
	got map[string]http.Header
}

func (r *recorder) handler(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		if r.got == nil {
			r.got = map[string]http.Header{}
		}
		r.got[req.URL.Path] = req.Header.Clone()
		r.mu.Unlock()
		next(w, req)
	}
}

func to(target func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target(), http.StatusFound) }
}

// The repository redirects /start to another host, which redirects back.
func TestHeadersReachTheOriginOnly(t *testing.T) {
	for _, name := range []string{"Private-Token", "private-token", "Authorization", "Cookie"} {
		t.Run(name, func(t *testing.T) {
			var repo, other *httptest.Server
			var atRepo, atOther recorder
			mux := http.NewServeMux()
			mux.HandleFunc("/start", to(func() string { return other.URL + "/elsewhere" }))
			mux.HandleFunc("/within", to(func() string { return repo.URL + "/back" }))
			mux.HandleFunc("/back", honest)
			repo = serve(t, atRepo.handler(mux.ServeHTTP))
			other = serve(t, atOther.handler(to(func() string { return repo.URL + "/back" })))

			c := client(t, repo, Options{Header: http.Header{name: {secret}}, Origin: parse(t, repo.URL+"/some/path")})
			_, err := c.Document(t.Context(), parse(t, repo.URL+"/start?sig="+secret), 100)
			require.NoError(t, err)

			require.Equal(t, secret, atRepo.got["/start"].Get(name))
			require.NotContains(t, fmt.Sprint(atOther.got["/elsewhere"]), secret, "neither the header nor a Referer")
			require.Empty(t, atRepo.got["/back"].Get(name), "another chose what is asked of the origin")

			// Otherwise a mirror could send our headers to any URL of the origin.
			_, err = c.Document(t.Context(), parse(t, other.URL+"/first"), 100)
			require.NoError(t, err)
			require.NotContains(t, fmt.Sprint(atOther.got["/first"]), secret)
			require.Empty(t, atRepo.got["/back"].Get(name))

			_, err = c.Document(t.Context(), parse(t, repo.URL+"/within"), 100)
			require.NoError(t, err)
			require.Equal(t, secret, atRepo.got["/back"].Get(name), "the origin itself may")
		})
	}
}

// The reason for redirectPolicy: net/http forwards headers to all hosts.
func TestNetHTTPForwardsCustomHeaders(t *testing.T) {
	var atOther recorder
	other := serve(t, atOther.handler(honest))
	repo := serve(t, to(func() string { return other.URL + "/elsewhere" }))

	req, err := http.NewRequest(http.MethodGet, repo.URL+"?sig=abc", nil)
	require.NoError(t, err)
	req.Header.Set("Private-Token", secret)
	resp, err := repo.Client().Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, secret, atOther.got["/elsewhere"].Get("Private-Token"))
	require.Contains(t, atOther.got["/elsewhere"].Get("Referer"), "sig=abc")
}

func TestSameOrigin(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"https://repo.example/x", "https://repo.example/y", true},
		{"https://repo.example", "https://repo.example:443/", true},
		{"http://repo.example:80", "http://REPO.example/", true},
		{"https://[::1]:443", "https://[::1]", true},
		{"https://repo.example", "http://repo.example", false},
		{"https://repo.example:443", "http://repo.example:443", false},
		{"https://repo.example", "https://repo.example:8443", false},
		{"https://repo.example", "https://sub.repo.example", false},
		{"https://sub.repo.example", "https://repo.example", false},
		{"https://repo.example", "https://repo.example.", false},
		{"https://repo.example", "https://repo.example@evil.example", false},
		{"file:///x", "https://repo.example", false},
	} {
		require.Equal(t, tc.want, sameOrigin(parse(t, tc.a), parse(t, tc.b)), "%s %s", tc.a, tc.b)
	}
}

func TestRedirects(t *testing.T) {
	plain := serve(t, honest)
	hops := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var at int
			_, _ = fmt.Sscanf(r.URL.Path, "/%d", &at)
			if at >= n {
				honest(w, r)
				return
			}
			http.Redirect(w, r, fmt.Sprintf("/%d", at+1), http.StatusTemporaryRedirect)
		}
	}
	fixed := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", s)
			w.WriteHeader(http.StatusFound)
		}
	}

	for _, tc := range []struct {
		name string
		h    http.HandlerFunc
		want error
	}{
		{"ten", hops(10), nil},
		{"eleven", hops(11), ErrRedirect},
		{"three hundred", hops(300), ErrRedirect},
		{"to itself", fixed("/0"), ErrRedirect},
		{"https to http", fixed(plain.URL), ErrRedirect},
		{"to a file", fixed("file:///etc/passwd"), ErrRedirect},
		{"to ftp", fixed("ftp://repo.example/x"), ErrRedirect},
		{"to data", fixed("data:,x"), ErrRedirect},
		{"to no URL", fixed("http://[::1"), ErrConnection},
		{"to no host", fixed("https:///x"), ErrConnection},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := serveTLS(t, tc.h)
			// A transport that can read files must not be made to.
			own := client(t, srv, Options{})
			own.http.Transport.(*http.Transport).RegisterProtocol("file", http.NewFileTransport(http.Dir("/")))
			doc, err := own.Document(t.Context(), parse(t, srv.URL+"/0"), 100)
			require.ErrorIs(t, err, tc.want)
			if tc.want != nil {
				require.Nil(t, doc)
			}
			if tc.want == ErrRedirect {
				require.NotErrorIs(t, err, ErrConnection)
			}
		})
	}

	t.Run("http to http", func(t *testing.T) {
		srv := serve(t, fixed(plain.URL))
		_, err := client(t, srv, Options{}).Document(t.Context(), parse(t, srv.URL), 100)
		require.NoError(t, err)
	})
	t.Run("http to https to http", func(t *testing.T) {
		secure := serveTLS(t, fixed(plain.URL))
		srv := serve(t, fixed(secure.URL))
		_, err := client(t, secure, Options{}).Document(t.Context(), parse(t, srv.URL), 100)
		require.ErrorIs(t, err, ErrRedirect)
	})
}

func TestHeadersAreChecked(t *testing.T) {
	origin := &url.URL{Scheme: "https", Host: "repo.example"}
	for _, tc := range []struct {
		name, value string
		want        error
	}{
		{"Private-Token", secret, nil},
		{"Private-Token", "with\ttab and ünicode", nil},
		{"Private-Token", "", nil},
		{"Private-Token", secret + "\r\nHost: evil.example", ErrHeader},
		{"Private-Token", secret + "\n", ErrHeader},
		{"Private-Token", secret + "\r", ErrHeader},
		{"Private-Token", secret + "\x00", ErrHeader},
		{"Private-Token", secret + "\x1b[31m", ErrHeader},
		{"Private-Token", secret + "\x7f", ErrHeader},
		{"", secret, ErrHeader},
		{"Private Token", secret, ErrHeader},
		{"Private-Token:", secret, ErrHeader},
		{"Private-Token\r\nX", secret, ErrHeader},
		{"Privaté", secret, ErrHeader},
		{"accept-encoding", "gzip", ErrHeader},
		{"Range", "bytes=0-1", ErrHeader},
		{"Host", "evil.example", ErrHeader},
		{"Content-Length", "1", ErrHeader},
		{"Transfer-Encoding", "chunked", ErrHeader},
		{"Connection", "upgrade", ErrHeader},
	} {
		t.Run(fmt.Sprintf("%q %q", tc.name, tc.value), func(t *testing.T) {
			_, err := New(Options{Header: http.Header{tc.name: {tc.value}}, Origin: origin})
			require.ErrorIs(t, err, tc.want)
			if err != nil {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}

	_, err := New(Options{Header: http.Header{"Private-Token": {secret}}})
	require.ErrorIs(t, err, ErrHeader, "headers without an origin")
	_, err = New(Options{UserAgent: "agent\r\nPrivate-Token: x"})
	require.ErrorIs(t, err, ErrHeader)
}

// Callers may change their map after New.
func TestOptionsAreCopied(t *testing.T) {
	var rec recorder
	srv := serve(t, rec.handler(honest))
	o := Options{Header: http.Header{"X-Token": {"before"}}, Origin: parse(t, srv.URL)}
	c := client(t, srv, o)
	o.Header.Set("X-Token", "after")
	o.Header.Set("X-More", "more\r\n")
	o.Origin.Host = "evil.example"

	require.NoError(t, c.Artifact(t.Context(), parse(t, srv.URL+"/x"), int64(len(body)), io.Discard, nil))
	require.Equal(t, "before", rec.got["/x"].Get("X-Token"))
	require.Empty(t, rec.got["/x"].Get("X-More"))
	require.Equal(t, defaultAgent, rec.got["/x"].Get("User-Agent"))
	require.False(t, strings.Contains(fmt.Sprint(rec.got), "after"))
}
