// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetriedStatus(t *testing.T) {
	again := map[int]bool{408: true, 425: true, 429: true, 500: true, 502: true, 503: true, 504: true, 507: true, 509: true, 598: true}
	for code := 520; code <= 530; code++ {
		again[code] = true // Cloudflare's
	}
	for _, code := range []int{507, 509, 520, 521, 522, 523, 524, 525, 526, 527, 530, 598, 506, 510, 201, 204, 206, 300, 302, 304, 400, 401, 403, 404, 408, 410, 412, 416, 421, 425, 429, 451, 500, 501, 502, 503, 504, 505, 511, 799} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			bad := 2
			o := &origin{data: []byte(body), answer: func(o *origin, n int, w http.ResponseWriter, r *http.Request) {
				if n > bad {
					o.whole(w, r)
					return
				}
				w.WriteHeader(code)
			}}
			srv := serve(t, o.ServeHTTP)
			c := client(t, srv, Options{})
			doc, err := c.Document(t.Context(), parse(t, srv.URL), 100)
			if !again[code] {
				require.ErrorIs(t, err, ErrStatus)
				require.Equal(t, 1, o.requests())
				return
			}
			require.NoError(t, err)
			require.Equal(t, body, string(doc))
			require.Equal(t, 3, o.requests())

			bad = 1000
			_, err = c.Document(t.Context(), parse(t, srv.URL), 100)
			require.ErrorIs(t, err, ErrStatus)
			require.Equal(t, 3+maxTries, o.requests())
		})
	}
}

// A truncated document is read again from the start.
func TestDocumentIsRetried(t *testing.T) {
	o := &origin{data: []byte(body), answer: func(o *origin, n int, w http.ResponseWriter, r *http.Request) {
		if n < maxTries {
			o.until(n, w, r)
		}
		o.whole(w, r)
	}}
	srv := serve(t, o.ServeHTTP)
	doc, err := client(t, srv, Options{}).Document(t.Context(), parse(t, srv.URL), 100)
	require.NoError(t, err)
	require.Equal(t, body, string(doc))
	require.Equal(t, []string{"", "", "", "", ""}, o.ranges)
}

// Written bytes cannot be taken back.
func TestStreamIsRetriedUntilFirstWrite(t *testing.T) {
	for first, requests := range map[int]int{0: 2, 1: 1} {
		o := &origin{data: []byte(body), answer: func(o *origin, n int, w http.ResponseWriter, r *http.Request) {
			if n == 1 {
				o.until(first, w, r)
			}
			o.whole(w, r)
		}}
		srv := serve(t, o.ServeHTTP)
		var got strings.Builder
		n, err := client(t, srv, Options{}).Stream(t.Context(), parse(t, srv.URL), 100, &got, nil)
		require.Equal(t, requests, o.requests())
		require.EqualValues(t, got.Len(), n)
		if requests == 1 {
			require.ErrorIs(t, err, ErrConnection)
			require.Equal(t, body[:first], got.String())
			continue
		}
		require.NoError(t, err)
		require.Equal(t, body, got.String())
	}
}

func TestWrongCertificateIsNotRetried(t *testing.T) {
	srv := serveTLS(t, honest)
	dials := 0
	hc := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials++
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}}
	defer hc.CloseIdleConnections()
	c := client(t, nil, Options{HTTP: hc})
	_, err := c.Document(t.Context(), parse(t, srv.URL), 100)
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
	require.ErrorIs(t, err, ErrConnection)
	require.Equal(t, 1, dials)

	plain := serve(t, honest)
	_, err = c.Document(t.Context(), parse(t, strings.Replace(plain.URL, "http:", "https:", 1)), 100)
	require.ErrorIs(t, err, ErrConnection)
	require.Equal(t, 2, dials)
}

// Without Content-Length, the end of the connection may be a truncation.
func TestClosedConnectionMayBeTruncation(t *testing.T) {
	data := random(5000)
	var n atomic.Int32
	u := "http://" + raw(t, func(conn net.Conn) {
		end := len(data)
		if n.Add(1) == 1 {
			end = 1000
		}
		says("HTTP/1.0 200 OK\r\n\r\n", string(data[:end]))(conn)
	}) + "/x"
	f := fileWith(t, nil)
	require.NoError(t, client(t, nil, Options{}).Download(t.Context(), artifact(t, data, f, u)))
	require.Equal(t, data, contentOf(t, f))
	require.EqualValues(t, 2, n.Load())
}

func TestWaits(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	bounds := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}
	longest := make([]time.Duration, len(bounds))
	for range 40 {
		var waits []time.Duration
		c := client(t, srv, Options{Wait: func(_ context.Context, d time.Duration) error {
			waits = append(waits, d)
			return nil
		}})
		_, err := c.Document(t.Context(), parse(t, srv.URL), 100)
		require.ErrorIs(t, err, ErrStatus)
		require.Len(t, waits, maxTries-1)
		for i, d := range waits {
			require.Less(t, d, bounds[i])
			longest[i] = max(longest[i], d)
		}
	}
	for i, d := range longest {
		require.Greater(t, d, bounds[i]/2, "grows, by chance of 1-2^-40 each")
	}
}

// The sum of all waits that a server asks for is limited.
func TestServersCannotKeepUsByAsking(t *testing.T) {
	data := random(2 << 20)
	o := &origin{data: data, answer: func(o *origin, n int, w http.ResponseWriter, r *http.Request) {
		if n%2 == 0 {
			w.Header().Set("Retry-After", "290")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		o.until((n/2+1)*minProgress, w, r)
	}}
	srv := serve(t, o.ServeHTTP)
	var sum time.Duration
	c := client(t, srv, Options{Wait: func(_ context.Context, d time.Duration) error {
		sum += d
		return nil
	}})
	f := fileWith(t, nil)
	err := c.Download(t.Context(), artifact(t, data, f, srv.URL+"/x"))
	require.ErrorIs(t, err, ErrStatus)
	require.LessOrEqual(t, sum, maxWaiting)
	require.Greater(t, sum, maxWaiting/2)
	require.NotEmpty(t, contentOf(t, f))
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	const date = "Mon, 23 Nov 2026 10:00:00 GMT"
	for _, tc := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"7", "", 7 * time.Second},
		{"007", "", 7 * time.Second},
		{"000", "", 0},
		{"300", "", maxRetryAfter},
		{"86400", "", 24 * time.Hour},
		{"31536000", "", longestAsked},
		{"31536001", "", longestAsked},
		{strings.Repeat("9", 1000), "", longestAsked},
		{"-1", "", 0},
		{"+1", "", 0},
		{"1.5", "", 0},
		{"1e3", "", 0},
		{"soon", "", 0},
		{"\x1b[31m", "", 0},
		{"Mon, 23 Nov 2026 10:00:09 GMT", "", 9 * time.Second},
		{"Mon, 23 Nov 2026 09:00:00 GMT", "", 0},
		{"Fri, 31 Dec 9999 23:59:59 GMT", "", longestAsked},
		{"Mon, 01 Jan 0001 00:00:00 GMT", "", 0},
		{"Mon, 23 Nov 2026 12:00:09 GMT", "Mon, 23 Nov 2026 12:00:00 GMT", 9 * time.Second},
		{"Mon, 23 Nov 2026 10:00:09 GMT", "yesterday", 9 * time.Second},
		{"9", date, 9 * time.Second},
	} {
		require.Equal(t, tc.want, retryAfter(tc.value, tc.date, now), "%q %q", tc.value, tc.date)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "7", "-1", "99999999999999999999", "Mon, 23 Nov 2026 10:00:09 GMT", "Monday, 23-Nov-26 10:00:09 GMT", "Mon Nov 23 10:00:09 2026"} {
		f.Add(s, "Mon, 23 Nov 2026 10:00:00 GMT")
	}
	now := time.Unix(1795428000, 0)
	f.Fuzz(func(t *testing.T, value, date string) {
		d := retryAfter(value, date, now)
		require.True(t, 0 <= d && d <= longestAsked, d)
	})
}

// Cancelling ends a wait at once.
func TestCancelledWhileWaiting(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "300")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	c := client(t, srv, Options{Wait: sleep})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := c.Document(ctx, parse(t, srv.URL), 100)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, c.Download(ctx, artifact(t, random(100), fileWith(t, nil), srv.URL)), context.DeadlineExceeded)
	require.Less(t, time.Since(start), late)

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		require.ErrorIs(t, sleep(ctx, time.Hour), context.Canceled)
		require.Equal(t, time.Second, time.Since(start))
		require.NoError(t, sleep(t.Context(), time.Hour))
	})
}

// After a cancelled download, the next call resumes it.
func TestCancelledDownloadIsResumed(t *testing.T) {
	data := random(1 << 20)
	o := &origin{data: data, answer: func(o *origin, _ int, w http.ResponseWriter, r *http.Request) { o.whole(w, r) }}
	srv := serve(t, o.ServeHTTP)
	c := client(t, srv, Options{})
	f := fileWith(t, nil)
	before := 0
	for cancelled := 0; ; cancelled++ {
		ctx, cancel := context.WithCancel(t.Context())
		d := artifact(t, data, f, srv.URL+"/x")
		reported := 0
		d.Progress = func(int64) {
			if reported++; reported == 2 {
				cancel()
			}
		}
		err := c.Download(ctx, d)
		cancel()
		if err == nil {
			require.Greater(t, cancelled, 2)
			break
		}
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, ErrConnection)
		got := contentOf(t, f)
		require.Greater(t, len(got), before)
		require.Equal(t, sha256Of(data[:len(got)]), sha256Of(got))
		before = len(got)
	}
	require.Equal(t, sha256Of(data), sha256Of(contentOf(t, f)))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Download(ctx, artifact(t, data, f, srv.URL)), context.Canceled)
}

// One byte a second is a stall, in every retry. The bytes are kept.
func TestTrickleIsAStall(t *testing.T) {
	data := random(5000)
	var n atomic.Int32
	u := "http://" + raw(t, func(conn net.Conn) {
		n.Add(1)
		says("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")(conn)
		for i := range data {
			if _, err := conn.Write(data[i : i+1]); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}) + "/x"
	f := fileWith(t, nil)
	err := client(t, nil, Options{Idle: soon}).Download(t.Context(), artifact(t, data, f, u))
	require.ErrorIs(t, err, ErrStalled)
	require.EqualValues(t, 3, n.Load(), "a stall was waited for already, so it counts twice")
	require.Equal(t, data[:1], contentOf(t, f))
}

func TestDownloadRequiresFields(t *testing.T) {
	c := client(t, nil, Options{})
	good := artifact(t, []byte(body), fileWith(t, nil), "http://repo.example/x")
	for name, spoil := range map[string]func(*Download){
		"no URL":        func(d *Download) { d.URLs = nil },
		"no file":       func(d *Download) { d.File = nil },
		"negative size": func(d *Download) { d.Size = -1 },
		"no hash":       func(d *Download) { d.Hash = "" },
		"half a hash":   func(d *Download) { d.Hash = d.Hash[:32] },
	} {
		d := good
		spoil(&d)
		require.ErrorContains(t, c.Download(t.Context(), d), "required", name)
	}

	srv := serve(t, func(http.ResponseWriter, *http.Request) {})
	require.NoError(t, c.Download(t.Context(), artifact(t, nil, fileWith(t, []byte("x")), srv.URL)), "an empty file is one too")
	d := artifact(t, nil, fileWith(t, nil), srv.URL)
	d.Hash = sha256Of([]byte("x"))
	require.ErrorIs(t, c.Download(t.Context(), d), ErrHash)
}
