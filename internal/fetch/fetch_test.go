// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const body = "what the repository holds"

func parse(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	require.NoError(t, err)

	return u
}

// instantly does not wait.
func instantly(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// client returns a Client with our transport, which trusts the test server. It
// does not wait before retries unless o.Wait is set.
func client(t testing.TB, srv *httptest.Server, o Options) *Client {
	t.Helper()
	if o.Wait == nil {
		o.Wait = instantly
	}
	c, err := New(o)
	require.NoError(t, err)
	if own, ok := c.http.Transport.(*http.Transport); ok && srv != nil && srv.TLS != nil {
		own.TLSClientConfig = &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	}
	t.Cleanup(c.http.CloseIdleConnections)

	return c
}

func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)

	return srv
}

// serveTLS uses HTTP/2.
func serveTLS(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)

	return srv
}

func honest(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }

func TestHonestServers(t *testing.T) {
	for name, srv := range map[string]*httptest.Server{"http": serve(t, honest), "https": serveTLS(t, honest)} {
		t.Run(name, func(t *testing.T) {
			c := client(t, srv, Options{})
			u := parse(t, srv.URL+"/release.json")

			doc, err := c.Document(t.Context(), u, int64(len(body)))
			require.NoError(t, err)
			require.Equal(t, body, string(doc))

			var w bytes.Buffer
			var reported []int64
			require.NoError(t, c.Artifact(t.Context(), u, int64(len(body)), &w, func(n int64) { reported = append(reported, n) }))
			require.Equal(t, body, w.String())
			require.Equal(t, int64(len(body)), reported[len(reported)-1])

			w.Reset()
			n, err := c.Stream(t.Context(), u, math.MaxInt64, &w, nil)
			require.NoError(t, err)
			require.EqualValues(t, len(body), n)
			require.Equal(t, body, w.String())
		})
	}
}

func TestOnlyStatus200IsAnAnswer(t *testing.T) {
	tests := []struct {
		code int
		want error
	}{
		{http.StatusOK, nil},
		{http.StatusCreated, ErrStatus},
		{http.StatusNonAuthoritativeInfo, ErrStatus},
		{http.StatusNoContent, ErrStatus},
		{http.StatusPartialContent, ErrStatus},
		{http.StatusMultipleChoices, ErrStatus},
		{http.StatusFound, ErrStatus}, // without a Location
		{http.StatusNotModified, ErrStatus},
		{http.StatusUnauthorized, ErrStatus},
		{http.StatusForbidden, ErrStatus},
		{http.StatusForbidden, ErrForbidden},
		{http.StatusNotFound, ErrNotFound},
		{http.StatusGone, ErrNotFound},
		{http.StatusInternalServerError, ErrStatus},
		{799, ErrStatus},
	}
	for _, tc := range tests {
		t.Run(fmt.Sprint(tc.code), func(t *testing.T) {
			srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tc.code)
				if tc.code != http.StatusNoContent && tc.code != http.StatusNotModified {
					honest(w, r)
				}
			})
			c := client(t, srv, Options{})
			u := parse(t, srv.URL+"/x")

			_, err := c.Document(t.Context(), u, 100)
			require.ErrorIs(t, err, tc.want)

			var w bytes.Buffer
			err = c.Artifact(t.Context(), u, int64(len(body)), &w, nil)
			require.ErrorIs(t, err, tc.want)
			if tc.want != nil {
				require.ErrorContains(t, err, fmt.Sprint(tc.code))
				require.Equal(t, tc.want == ErrNotFound, errors.Is(err, ErrNotFound))
				require.Zero(t, w.Len())
			}
		})
	}
}

func TestContentEncodingIsRefused(t *testing.T) {
	for _, tc := range []struct {
		encodings []string
		want      error
	}{
		{nil, nil},
		{[]string{""}, nil},
		{[]string{"identity"}, nil},
		{[]string{"Identity"}, nil},
		{[]string{"gzip"}, ErrEncoding},
		{[]string{"GZIP"}, ErrEncoding},
		{[]string{"br"}, ErrEncoding},
		{[]string{"zstd"}, ErrEncoding},
		{[]string{"x-gzip"}, ErrEncoding},
		{[]string{" deflate "}, ErrEncoding},
		{[]string{"aws-chunked,gzip"}, ErrEncoding},
		{[]string{"aws-chunked"}, nil},
		{[]string{"utf-8", "none"}, nil},
		{[]string{"application/json"}, nil},
		{[]string{"identity, gzip"}, ErrEncoding},
		{[]string{"identity", "gzip"}, ErrEncoding},
	} {
		t.Run(fmt.Sprint(tc.encodings), func(t *testing.T) {
			srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Values("Accept-Encoding"); len(got) != 1 || got[0] != "identity" {
					http.Error(w, "asked for something else", http.StatusTeapot)
					return
				}
				w.Header()["Content-Encoding"] = tc.encodings
				honest(w, r)
			})
			for name, o := range map[string]Options{"ours": {}, "theirs": {HTTP: srv.Client()}} {
				_, err := client(t, srv, o).Document(t.Context(), parse(t, srv.URL), 100)
				require.ErrorIs(t, err, tc.want, name)
				_, err = client(t, srv, o).Stream(t.Context(), parse(t, srv.URL), 100, io.Discard, nil)
				require.NoError(t, err, "a label of what is not a document")
			}
		})
	}

	t.Run("decompressed by a transport", func(t *testing.T) {
		hc := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Request: r, ContentLength: -1, Uncompressed: true, Body: io.NopCloser(strings.NewReader(body))}, nil
		})}
		_, err := client(t, nil, Options{HTTP: hc}).Document(t.Context(), parse(t, "http://repo.example/x"), 100)
		require.ErrorIs(t, err, ErrEncoding)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestDocumentLimit(t *testing.T) {
	for name, announce := range map[string]bool{"announced": true, "chunked": false} {
		srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if !announce {
				w.(http.Flusher).Flush()
			}
			honest(w, r)
		})
		c := client(t, srv, Options{})
		size := int64(len(body))
		for _, tc := range []struct {
			limit int64
			want  error
		}{{size + 1, nil}, {size, nil}, {size - 1, ErrTooLarge}, {0, ErrTooLarge}, {-1, ErrTooLarge}, {math.MinInt64, ErrTooLarge}} {
			t.Run(fmt.Sprintf("%s/%d", name, tc.limit), func(t *testing.T) {
				doc, err := c.Document(t.Context(), parse(t, srv.URL), tc.limit)
				require.ErrorIs(t, err, tc.want)
				if tc.want != nil {
					require.Nil(t, doc)
				}

				var w bytes.Buffer
				_, err = c.Stream(t.Context(), parse(t, srv.URL), tc.limit, &w, nil)
				require.ErrorIs(t, err, tc.want)
				require.LessOrEqual(t, int64(w.Len()), max(tc.limit, 0))
			})
		}
	}
}

func TestArtifactIsExactlyItsSize(t *testing.T) {
	for name, announce := range map[string]bool{"announced": true, "chunked": false} {
		srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if !announce {
				w.(http.Flusher).Flush()
			}
			honest(w, r)
		})
		c := client(t, srv, Options{})
		for _, tc := range []struct {
			off  int64
			want error
		}{{0, nil}, {1, ErrLength}, {-1, ErrLength}, {1 << 40, ErrLength}, {-int64(len(body)), ErrLength}, {-1 << 40, ErrLength}} {
			t.Run(fmt.Sprintf("%s/%+d", name, tc.off), func(t *testing.T) {
				size := int64(len(body)) + tc.off
				var w bytes.Buffer
				err := c.Artifact(t.Context(), parse(t, srv.URL), size, &w, nil)
				require.ErrorIs(t, err, tc.want)
				require.LessOrEqual(t, int64(w.Len()), max(size, 0))
				if announce && tc.want != nil {
					require.Zero(t, w.Len(), "refused before reading")
				}
			})
		}
	}
}

func TestEndlessBodyIsStopped(t *testing.T) {
	const size = 1 << 20
	for name, start := range map[string]func(testing.TB, http.HandlerFunc) *httptest.Server{"http": serve, "https": serveTLS} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			done := make(chan struct{}, 2)
			srv := start(t, func(w http.ResponseWriter, _ *http.Request) {
				defer func() { done <- struct{}{} }()
				chunk := make([]byte, 64<<10)
				for {
					n, err := w.Write(chunk)
					sent.Add(int64(n))
					if err != nil {
						return
					}
				}
			})
			c := client(t, srv, Options{})

			var w bytes.Buffer
			require.ErrorIs(t, c.Artifact(t.Context(), parse(t, srv.URL), size, &w, nil), ErrLength)
			<-done
			require.LessOrEqual(t, w.Len(), size)

			_, err := c.Document(t.Context(), parse(t, srv.URL), size)
			require.ErrorIs(t, err, ErrTooLarge)
			<-done
			// What socket buffers hold is the kernel's; it is not endless.
			require.Less(t, sent.Load(), int64(64<<20))
		})
	}
}

// This server sends no byte of its body, so the header alone is rejected.
func TestAnnouncedLengthIsRefusedBeforeReading(t *testing.T) {
	release := make(chan struct{})
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "101")
		w.(http.Flusher).Flush()
		<-release
	})
	defer close(release)
	c := client(t, srv, Options{Idle: time.Minute})

	_, err := c.Document(t.Context(), parse(t, srv.URL), 100)
	require.ErrorIs(t, err, ErrTooLarge)
	require.ErrorIs(t, c.Artifact(t.Context(), parse(t, srv.URL), 100, io.Discard, nil), ErrLength)
	require.ErrorIs(t, c.Artifact(t.Context(), parse(t, srv.URL), 102, io.Discard, nil), ErrLength)
}

var errFull = errors.New("no space left")

type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), f.room)
	f.room -= n
	if n < len(p) {
		return n, errFull
	}

	return n, nil
}

type short struct{}

func (short) Write(p []byte) (int, error) { return len(p) - 1, nil }

func TestFailingWriter(t *testing.T) {
	srv := serve(t, honest)
	c := client(t, srv, Options{})

	err := c.Artifact(t.Context(), parse(t, srv.URL), int64(len(body)), &full{room: 3}, nil)
	require.ErrorIs(t, err, errFull)
	require.NotErrorIs(t, err, ErrConnection)
	n, err := c.Stream(t.Context(), parse(t, srv.URL), 100, &full{room: 3}, nil)
	require.ErrorIs(t, err, errFull)
	require.EqualValues(t, 3, n)
	require.ErrorIs(t, c.Artifact(t.Context(), parse(t, srv.URL), int64(len(body)), short{}, nil), io.ErrShortWrite)
}

func TestErrorsAreOneLineWithoutSecrets(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/gone?token=s3cret", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop?token=s3cret", http.StatusFound)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	})
	host := strings.TrimPrefix(srv.URL, "http://")
	c := client(t, srv, Options{})

	for _, path := range []string{"/release.json", "/moved", "/loop"} {
		_, err := c.Document(t.Context(), parse(t, "http://t0ken:s3cret@"+host+path+"?sig=s3cret#s3cret"), 100)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "s3cret")
		require.NotContains(t, err.Error(), "t0ken")
		require.NotContains(t, err.Error(), "\n")
	}

	_, err := c.Document(t.Context(), parse(t, srv.URL+"/release.json"), 100)
	require.EqualError(t, err, "reading "+srv.URL+"/release.json: server returned 403 Forbidden")
	_, err = c.Document(t.Context(), parse(t, srv.URL+"/moved"), 100)
	require.EqualError(t, err, "reading "+srv.URL+"/moved: redirected to "+srv.URL+"/gone: server returned 403 Forbidden")

	// The server is closed.
	srv.Close()
	_, err = c.Document(t.Context(), parse(t, "http://t0ken:s3cret@"+host+"/x?sig=s3cret"), 100)
	require.ErrorIs(t, err, ErrConnection)
	require.NotContains(t, err.Error(), "s3cret")
	require.NotContains(t, err.Error(), "t0ken")

	require.Equal(t, "a\uFFFD[31mb\uFFFD\uFFFDc", printable("a\x1b[31mb\r\nc"))
	require.Less(t, len(printable(strings.Repeat("x", 1<<20))), 500)
}

func TestUnsupportedSchemes(t *testing.T) {
	c := client(t, nil, Options{})
	for _, s := range []string{"ftp://repo.example/x", "data:,x", "/x", "x", "mailto:x@repo.example"} {
		_, err := c.Document(t.Context(), parse(t, s), 100)
		require.ErrorIs(t, err, ErrUnsupported, s)
	}
}
