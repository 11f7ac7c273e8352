// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mirrors starts a server for each handler and returns their URLs.
func mirrors(t *testing.T, handlers ...http.HandlerFunc) []string {
	t.Helper()
	var urls []string
	for _, h := range handlers {
		urls = append(urls, serve(t, h).URL+"/x")
	}

	return urls
}

// badMirrors returns handlers that fail, and the error of each.
func badMirrors(data []byte) (handlers []http.HandlerFunc, reasons []error) {
	for _, bad := range []struct {
		h      http.HandlerFunc
		reason error
	}{
		{http.NotFound, ErrNotFound},
		{func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, ErrStalled},
		{func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, len(data))) }, ErrHash},
		{func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data[:len(data)/2]) }, ErrLength},
		{func(w http.ResponseWriter, r *http.Request) {
			(&origin{data: data}).until(len(data)/3, w, r)
		}, ErrConnection},
		{func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
		}, ErrUnauthorized},
		{func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, ErrRedirect},
		{func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, ErrStatus},
	} {
		handlers = append(handlers, bad.h)
		reasons = append(reasons, bad.reason)
	}

	return handlers, reasons
}

func TestMirrors(t *testing.T) {
	data := random(300 << 10)
	bad, reasons := badMirrors(data)
	good := (&origin{data: data, answer: func(o *origin, _ int, w http.ResponseWriter, r *http.Request) { o.whole(w, r) }}).ServeHTTP

	t.Run("all bad but the last", func(t *testing.T) {
		urls := mirrors(t, append(bad, good)...)
		f := fileWith(t, nil)
		var noted []string
		note := func(_ context.Context, message string, _ ...any) { noted = append(noted, message) }
		d := artifact(t, data, f, urls...)
		require.NoError(t, client(t, nil, Options{Idle: soon, Note: note}).Download(t.Context(), d))
		require.Equal(t, sha256Of(data), sha256Of(contentOf(t, f)))
		require.Contains(t, noted, "mirror failed, trying the next one")
	})
	t.Run("all bad", func(t *testing.T) {
		urls := mirrors(t, bad...)
		f := fileWith(t, nil)
		err := client(t, nil, Options{Idle: soon}).Download(t.Context(), artifact(t, data, f, urls...))
		for i, reason := range reasons {
			require.ErrorIs(t, err, reason)
			require.ErrorContains(t, err, urls[i])
		}
		require.NotContains(t, err.Error(), "\n")
		require.ErrorContains(t, err, "all 8 mirrors failed")
	})
	t.Run("all have another file", func(t *testing.T) {
		f := fileWith(t, data[:1000])
		err := client(t, nil, Options{}).Download(t.Context(), artifact(t, data, f, mirrors(t, bad[2], bad[3])...))
		require.ErrorIs(t, err, ErrHash)
		require.ErrorIs(t, err, ErrLength)
		require.Empty(t, contentOf(t, f), "the wrong hash is of what was there, too")
	})
}

// The bytes of a failed mirror are kept. Its entity tag is not sent to others.
func TestNextMirrorGoesOn(t *testing.T) {
	data := random(300 << 10)
	first := &origin{data: data, answer: func(o *origin, n int, w http.ResponseWriter, r *http.Request) {
		if n == 1 {
			o.until(200<<10, w, r)
		}
		http.NotFound(w, r)
	}}
	second := &origin{data: data, answer: func(o *origin, _ int, w http.ResponseWriter, r *http.Request) { o.whole(w, r) }}
	f := fileWith(t, nil)
	urls := mirrors(t, first.ServeHTTP, second.ServeHTTP)
	require.NoError(t, client(t, nil, Options{}).Download(t.Context(), artifact(t, data, f, urls...)))
	require.Equal(t, []string{"", "bytes=204800-", ""}, first.ranges, "once for the whole")
	require.Equal(t, []string{"", tag, ""}, first.ifRange)
	require.Equal(t, []string{"bytes=204800-"}, second.ranges)
	require.Equal(t, []string{""}, second.ifRange)
	require.Equal(t, sha256Of(data), sha256Of(contentOf(t, f)))
}

// A mirror that is slow, or asks us to wait, is used again after the others failed.
func TestSlowMirrorIsUsedAgain(t *testing.T) {
	data := random(1000)
	busy := &origin{data: data, answer: func(o *origin, n int, w http.ResponseWriter, r *http.Request) {
		if n > 1 {
			o.whole(w, r)
			return
		}
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	}}
	asked := false
	absent := func(w http.ResponseWriter, r *http.Request) {
		asked = busy.requests() == 1
		http.NotFound(w, r)
	}
	var waits []time.Duration
	c := client(t, nil, Options{Wait: func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}})
	require.NoError(t, c.Download(t.Context(), artifact(t, data, fileWith(t, nil), mirrors(t, busy.ServeHTTP, absent)...)))
	require.True(t, asked, "before waiting")
	require.Equal(t, []time.Duration{time.Minute}, waits)
}

func TestDownloadHeadersReachTheOriginOnly(t *testing.T) {
	data := random(100 << 10)
	var atOther recorder
	var repo *httptest.Server
	other := serve(t, atOther.handler(func(w http.ResponseWriter, r *http.Request) {
		(&origin{data: data}).whole(w, r)
	}))
	var atRepo recorder
	repo = serve(t, atRepo.handler(to(func() string { return other.URL + "/elsewhere" })))
	c := client(t, nil, Options{Header: http.Header{"Private-Token": {secret}}, Origin: parse(t, repo.URL)})
	d := artifact(t, data, fileWith(t, data[:50<<10]), repo.URL+"/moved")
	require.NoError(t, c.Download(t.Context(), d))
	require.Equal(t, secret, atRepo.got["/moved"].Get("Private-Token"))
	require.Empty(t, atOther.got["/elsewhere"].Get("Private-Token"))
	require.Equal(t, "bytes=51200-", atOther.got["/elsewhere"].Get("Range"), "the question goes along")

	d = artifact(t, data, fileWith(t, nil), other.URL+"/mirror")
	require.NoError(t, c.Download(t.Context(), d))
	require.Empty(t, atOther.got["/mirror"].Get("Private-Token"))
}

func TestDownloadFromFiles(t *testing.T) {
	data := random(300 << 10)
	there := fileURL(fileWith(t, data).Name())
	absent := fileURL(fileWith(t, nil).Name() + ".absent")
	short := fileURL(fileWith(t, data[:1000]).Name())
	c := client(t, nil, Options{})

	for _, begun := range [][]byte{nil, data[:100<<10], make([]byte, 100<<10)} {
		f := fileWith(t, begun)
		require.NoError(t, c.Download(t.Context(), artifact(t, data, f, absent.String(), short.String(), there.String())))
		require.Equal(t, sha256Of(data), sha256Of(contentOf(t, f)))
	}
	err := c.Download(t.Context(), artifact(t, data, fileWith(t, nil), absent.String(), short.String(), "ftp://repo.example/x"))
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorIs(t, err, ErrLength)
	require.ErrorIs(t, err, ErrUnsupported)
}

// An entity tag is of one mirror's file, and of no use once bytes of another follow.
func TestEntityTagIsForgotten(t *testing.T) {
	data := random(300 << 10)
	busy := func(after string, w http.ResponseWriter) {
		w.Header().Set("Retry-After", after)
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	first := &origin{data: data, answer: func(o *origin, n int, w http.ResponseWriter, r *http.Request) {
		switch n {
		case 1:
			o.until(100<<10, w, r)
		case 2:
			busy("60", w)
		default:
			o.whole(w, r)
		}
	}}
	second := &origin{data: data, answer: func(o *origin, n int, w http.ResponseWriter, r *http.Request) {
		if n == 1 {
			o.until(200<<10, w, r)
		}
		busy("90", w)
	}}
	f := fileWith(t, nil)
	require.NoError(t, client(t, nil, Options{}).Download(t.Context(), artifact(t, data, f, mirrors(t, first.ServeHTTP, second.ServeHTTP)...)))
	require.Equal(t, []string{"", tag, ""}, first.ifRange)
	require.Equal(t, []string{"", "bytes=102400-", "bytes=204800-"}, first.ranges)
	require.Equal(t, sha256Of(data), sha256Of(contentOf(t, f)))
}

// Progress after a start over counts from the start.
func TestStartOverMayBreakOften(t *testing.T) {
	data := random(1 << 20)
	o := &origin{data: data, answer: func(o *origin, n int, w http.ResponseWriter, r *http.Request) {
		if n == 1 {
			o.whole(w, r) // the last byte, after garbage
			return
		}
		o.until(min((n-1)*100<<10, len(data)), w, r)
	}}
	srv := serve(t, o.ServeHTTP)
	f := fileWith(t, make([]byte, len(data)-1))
	require.NoError(t, client(t, srv, Options{}).Download(t.Context(), artifact(t, data, f, srv.URL)))
	require.Equal(t, sha256Of(data), sha256Of(contentOf(t, f)))
	require.Greater(t, o.requests(), 2*maxTries)
}
