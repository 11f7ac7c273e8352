// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
)

// failing returns a client whose transport is changed.
func failing(change func(*http.Transport)) updater.Option {
	transport := &http.Transport{DisableKeepAlives: true}
	change(transport)
	return updater.HTTPClient(&http.Client{Transport: transport})
}

// closedPort is an address that refuses connections.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// What a program or a person would do differently has a sentinel, and advice.
func TestC8_Sentinels(t *testing.T) {
	files := newWorld(t)
	files.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	status := func(code int) string {
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(code) }))
		t.Cleanup(server.Close)
		return server.URL
	}
	secure := httptest.NewTLSServer(http.FileServer(http.Dir(files.repo)))
	t.Cleanup(secure.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	trusting := func(change func(*tls.Config)) updater.Option {
		return failing(func(tr *http.Transport) {
			tr.TLSClientConfig = &tls.Config{RootCAs: roots}
			change(tr.TLSClientConfig)
		})
	}
	own := updater.Pause(atOnce)
	plain := strings.Replace(files.server.URL, "http:", "https:", 1)
	for _, tc := range []struct {
		name, repo string
		option     updater.Option
		want       error // nil for none of the three
		temporary  bool
		advice     string
	}{
		{"401", status(401), own, updater.ErrUnauthorized, false, "Header()"},
		{"407", status(407), own, updater.ErrUnauthorized, false, "HTTPClient()"},
		{"403", status(403), own, nil, false, ""},
		{"404", status(404), own, nil, false, ""},
		{"501", status(501), own, nil, false, ""},
		{"429", status(429), own, nil, true, ""},
		{"500", status(500), own, nil, true, ""},
		{"503", status(503), own, nil, true, ""},
		{"refused connection", "http://" + closedPort(t), own, updater.ErrUnreachable, true, "proxy"},
		{"no such name", "http://repo.invalid", failing(func(tr *http.Transport) {
			tr.DialContext = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "repo.invalid", IsNotFound: true}}
			}
		}), updater.ErrUnreachable, true, "address"},
		{"a name server fails, in a dialer that is not net's", "http://repo.invalid", failing(func(tr *http.Transport) {
			tr.DialContext = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.DNSError{Err: "server misbehaving", Name: "repo.invalid"}
			}
		}), updater.ErrUnreachable, true, "address"},
		{"a proxy that is not there", files.server.URL, failing(func(tr *http.Transport) {
			tr.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: closedPort(t)})
		}), updater.ErrUnreachable, true, "proxy"},
		{"TLS to a server without", plain, own, updater.ErrUnreachable, false, "address"},
		{"TLS of another version", secure.URL, trusting(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS10; c.MinVersion = tls.VersionTLS10 }), updater.ErrUnreachable, true, "address"},
		{"lost connection", func() string {
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
			t.Cleanup(server.Close)
			return server.URL
		}(), own, nil, true, ""},
		{"unknown CA", secure.URL, own, updater.ErrCertificate, false, "HTTPClient()"},
		{"another host", secure.URL, trusting(func(c *tls.Config) { c.ServerName = "elsewhere.example.net" }), updater.ErrCertificate, false, "HTTPClient()"},
		{"certificate of the past", secure.URL, trusting(func(c *tls.Config) {
			c.Time = func() time.Time { return secure.Certificate().NotAfter.Add(time.Hour) }
		}), updater.ErrCertificate, false, "clock"},
		{"certificate of the future", secure.URL, trusting(func(c *tls.Config) {
			c.Time = func() time.Time { return secure.Certificate().NotBefore.Add(-time.Hour) }
		}), updater.ErrCertificate, false, "clock"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			opts := []updater.Option{updater.Pause(atOnce), tc.option, updater.SourceRepo(tc.repo)}
			before := w.snapshot()
			err := updater.Apply(w.options(opts...)...)
			require.Error(t, err)
			require.Equal(t, before, w.snapshot())
			for _, sentinel := range []error{updater.ErrUnauthorized, updater.ErrUnreachable, updater.ErrCertificate} {
				require.Equal(t, sentinel == tc.want, errors.Is(err, sentinel), "%v: %v", sentinel, err)
			}
			require.Equal(t, tc.temporary, errors.Is(err, updater.ErrTemporary), err)
			require.ErrorContains(t, err, tc.advice)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	t.Run("a stall", func(t *testing.T) {
		w := newWorld(t)
		w.handler = func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }
		err := w.refuses(updater.ErrStalled, updater.Pause(atOnce), updater.Idle(50*time.Millisecond))
		require.ErrorIs(t, err, updater.ErrTemporary)
	})
	t.Run("another artifact", func(t *testing.T) {
		w := newWorld(t)
		r := newRelease(t, "1.2.3", []byte(newContent))
		r.artifact[5] ^= 1
		w.publish("1.2.3", r)
		require.NotErrorIs(t, w.refuses(updater.ErrHash, updater.Pause(atOnce)), updater.ErrTemporary)
	})
}

// A portal takes over in the middle of a download: what came before is kept.
func TestC9_PortalInMidDownload(t *testing.T) {
	r := newRelease(t, "1.2.3", large(t))
	html := "<!DOCTYPE html><html>" + strings.Repeat("please log in ", 1000) + "</html>"
	for name, portal := range map[string]http.HandlerFunc{
		"announced": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/html")
			rw.Header().Set("Content-Length", fmt.Sprint(len(html)))
			_, _ = rw.Write([]byte(html))
		},
		"chunked": func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = rw.Write([]byte(html[:10]))
			rw.(*noticed).ResponseWriter.(*cut).ResponseWriter.(http.Flusher).Flush()
			_, _ = rw.Write([]byte(html[10:]))
		},
		"redirect": func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/login.html", http.StatusFound) },
		"as a part": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(html)-1, len(html)))
			rw.WriteHeader(http.StatusPartialContent)
			_, _ = rw.Write([]byte(html))
		},
		"511": func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusNetworkAuthenticationRequired)
		},
		"empty": func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusOK) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", r)
			w.answering(".bz2", true, len(r.artifact), portal)
			require.Error(t, updater.Apply(w.options(updater.Pause(atOnce))...))
			w.holds(oldContent)
			kept := mustRead(t, w.partial(r))
			require.Equal(t, r.artifact[:len(r.artifact)/2], kept)

			// Logged in.
			more := w.answering(".bz2", false, 0, func(http.ResponseWriter, *http.Request) {})
			require.NoError(t, updater.Apply(w.options(updater.Pause(atOnce))...))
			require.Equal(t, r.doc.Hash, sum(mustRead(t, w.target)))
			require.EqualValues(t, len(r.artifact)-len(kept), more.Load(), "the rest, once")
		})
	}
}

func TestC10_TemporaryStatuses(t *testing.T) {
	type headers = map[string]string
	for _, tc := range []struct {
		status    int
		headers   headers
		temporary bool
	}{
		{408, nil, true},
		{425, nil, true},
		{429, nil, true},
		{500, nil, true},
		{502, nil, true},
		{507, nil, true},
		{520, nil, true},
		{522, nil, true},
		{525, nil, true},
		{527, nil, true},
		{530, nil, true},
		{599, nil, true},
		{403, headers{"Retry-After": "1"}, true},
		{403, headers{"X-RateLimit-Remaining": "0"}, true},
		{403, headers{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, true},
		{403, headers{"X-RateLimit-Remaining": "7"}, false},
		{403, headers{"Retry-After": "soon"}, false},
		{403, nil, false},
		{400, headers{"Retry-After": "1"}, false},
		{404, headers{"X-RateLimit-Remaining": "0"}, false},
		{501, nil, false},
		{505, nil, false},
		{511, nil, false},
		{600, nil, false},
	} {
		for _, suffix := range []string{".json", ".bz2"} {
			t.Run(fmt.Sprint(tc.status, tc.headers, suffix), func(t *testing.T) {
				w := newWorld(t)
				w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
				var n atomic.Int64
				w.answering(suffix, false, 0, func(rw http.ResponseWriter, _ *http.Request) {
					if n.Add(1) == 1 {
						for name, value := range tc.headers {
							rw.Header().Set(name, value)
						}
						rw.WriteHeader(tc.status)
					}
				})
				if tc.temporary {
					require.NoError(t, updater.Apply(w.options(updater.Pause(atOnce))...))
					w.holds(newContent)
					return
				}
				before := w.snapshot()
				err := updater.Apply(w.options(updater.Pause(atOnce))...)
				require.ErrorContains(t, err, fmt.Sprint(tc.status))
				require.NotErrorIs(t, err, updater.ErrTemporary)
				require.Equal(t, tc.status == 403, errors.Is(err, updater.ErrForbidden))
				require.Equal(t, before, w.snapshot())
			})
		}
	}
}

// GitHub says when its limit is over, which is longer than we wait.
func TestC10_RateLimitThatLastsLong(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	w.handler = func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
		rw.Header().Set("X-RateLimit-Remaining", "0")
		rw.Header().Set("X-RateLimit-Reset", fmt.Sprint(time.Now().Add(40*time.Minute).Unix()))
		rw.WriteHeader(http.StatusForbidden)
	}
	err := w.refuses(updater.ErrTemporary, updater.Pause(atOnce))
	require.NotErrorIs(t, err, updater.ErrForbidden, "nothing is missing")
	require.EqualValues(t, 1, w.requests.Load())
	require.ErrorContains(t, err, "asked to wait")
}

func TestUserAgent(t *testing.T) {
	for _, tc := range []struct {
		opts []updater.Option
		want string
	}{
		{nil, "app/1.2.2 (linux; amd64) go-updater"},
		{[]updater.Option{updater.CurrentVersion("")}, "app (linux; amd64) go-updater"},
		{[]updater.Option{updater.CurrentVersion("1.0.0+build.7")}, "app/1.0.0+build.7 (linux; amd64) go-updater"},
		{[]updater.Option{updater.CurrentVersion("of today (dirty)\r\nX: y")}, "app/of-today--dirty---X--y (linux; amd64) go-updater"},
		{[]updater.Option{updater.Header("User-Agent", "mine/1")}, "mine/1"},
	} {
		w := newWorld(t)
		w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
		var got []string
		w.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			got = append(got, r.Header.Get("User-Agent"))
			next.ServeHTTP(rw, r)
		}
		_, err := w.check(tc.opts...)
		require.NoError(t, err)
		require.Equal(t, []string{tc.want}, got)
	}

	w := newWorld(t)
	var got string
	w.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) { got = r.Header.Get("User-Agent") }
	require.Error(t, updater.Apply(
		updater.TargetFile(w.target), updater.SourceRepo(w.server.URL), updater.Version("1.2.3"), updater.CurrentVersion("1.2.2"),
		updater.OS("linux"), updater.Arch("amd64"), updater.PublicKey(public(testKey(1))), updater.Logger(log.New(&w.log, "", 0)),
	))
	require.Equal(t, "go-updater (linux; amd64)", got, "a program without a name says no version")
}

// There is nowhere to keep a document without a target, and nothing to say about it.
func TestCheckWithoutTargetSaysNothing(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	w.handler = func(rw http.ResponseWriter, r *http.Request, _ http.Handler) { w.tagged(rw, r, nil) }
	_, err := w.check(updater.TargetFile(filepath.Join(t.TempDir(), "absent")))
	require.NoError(t, err)
	require.Empty(t, w.log.String())
}
