// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// heads are headers that may change what an answer of 100 bytes means.
var heads = []http.Header{
	{},
	{"Retry-After": {"1"}},
	{"Retry-After": {"3600"}},
	{"X-Ratelimit-Remaining": {"0"}},
	{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"9999999999"}},
	{"Content-Range": {"bytes 0-99/100"}},
	{"Content-Range": {"bytes 0-98/100"}},
	{"Content-Range": {"bytes 40-99/100"}},
	{"Content-Range": {"bytes 40-49/100"}},
	{"Content-Range": {"bytes 40-99/*"}},
	{"Content-Range": {"bytes 0-99/*"}},
	{"Content-Range": {"bytes 40-100/*"}},
	{"Content-Range": {"bytes 41-99/100"}},
	{"Content-Range": {"bytes 40-99/101"}},
	{"Content-Range": {"bytes 40-99/100"}, "Content-Type": {"multipart/byteranges"}},
	{"Content-Range": {"nonsense"}},
	{"Content-Encoding": {"gzip"}},
	{"Content-Encoding": {"made-up"}},
	{"Content-Range": {"bytes 40-99/100"}, "Content-Encoding": {"gzip"}},
	{"Content-Range": {"bytes 40-99/100"}, "Etag": {`"v2"`}},
	{"Location": {"ftp://repo.example/"}},
}

// tells reports whether the header means something with a status.
func tells(status, header int) bool {
	return header <= 2 || slices.Contains([]int{200, 206, 302, 304, 403, 416, 429, 501, 503}, status)
}

// Every combination of request, status, header and length has one meaning, which the
// table of the package doc states.
func TestEveryAnswerHasAMeaning(t *testing.T) {
	const size = 100
	requests := map[string]request{
		"document":        {bound: bound{size: size}},
		"known document":  {bound: bound{size: size}, known: tag},
		"artifact":        {bound: bound{size: size, exact: true}, opaque: true},
		"ranged artifact": {bound: bound{size: size, exact: true}, opaque: true, from: 40},
		"ranged by tag":   {bound: bound{size: size, exact: true}, opaque: true, from: 40, ifRange: tag},
		"v0.1.0":          {bound: bound{size: size}, opaque: true},
	}
	seen := map[meaning]int{}
	for name, q := range requests {
		for status := 100; status < 800; status++ {
			for i, header := range heads {
				if !tells(status, i) {
					continue
				}
				for _, length := range []int64{-1, 0, 10, 60, 99, 100, 101} {
					m, a, err := judge(q, head{status: status, header: header, length: length, now: time.Unix(1795428000, 0)})
					what := fmt.Sprint(name, " ", status, header, length)
					seen[m]++
					accepted := m == meansWhole || m == meansPart || m == meansUnchanged
					require.Equal(t, accepted, err == nil, what)
					require.Equal(t, accepted, a != nil, what)
					require.Equal(t, m == meansTemporary, temporary(err), what)
					switch m {
					case meansWhole:
						require.Contains(t, []int{200, 206}, status, what)
						require.Zero(t, a.from, what)
						require.Equal(t, q.bound, a.bound, what)
						require.True(t, length < 0 || length == size || !q.exact && length < size && status == 200, what)
						whole := header.Get("Content-Range") == "bytes 0-99/100" || q.exact && header.Get("Content-Range") == "bytes 0-99/*"
						require.True(t, whole || status == 200, what)
					case meansPart:
						require.Equal(t, 206, status, what)
						require.Equal(t, q.from, a.from, what)
						require.Positive(t, q.from, what)
						require.LessOrEqual(t, a.bound.size, q.size, what)
						require.True(t, length < 0 || length == a.bound.size-a.from, what)
					case meansUnchanged:
						require.Equal(t, 304, status, what)
						require.NotEmpty(t, q.known, what)
					case meansTemporary, meansPermanent:
						require.ErrorIs(t, err, ErrStatus, what)
						require.NotEqual(t, 200, status, what)
					case meansOther:
						require.Contains(t, []int{200, 206}, status, what)
						require.NotErrorIs(t, err, ErrStatus, what)
					default:
						require.Fail(t, what)
					}
				}
			}
		}
	}
	require.Len(t, seen, 6, "each occurs")
}

// Every failure has a next step, and no step can be taken for ever.
func TestEveryFailureHasANext(t *testing.T) {
	errs := []error{
		&statusError{code: 503, temporary: true}, &statusError{code: 404}, ErrStalled, ErrConnection, connectionError(&net.DNSError{}), ErrHash, ErrLength,
		ErrRange, ErrEncoding, ErrRedirect, ErrTooLarge, &LocalError{"writing", io.ErrShortWrite}, context.Canceled, errors.New("other"),
	}
	bools := []bool{false, true}
	seen := map[step]int{}
	for _, err := range errs {
		for failed := 1; failed <= maxTries+2; failed++ {
			for _, wait := range []time.Duration{0, patience, patience + 1, maxRetryAfter, maxRetryAfter + 1, longestAsked} {
				for bits := range 64 {
					f := failure{
						err: err, temporary: temporary(err), failed: failed, wait: wait, ranged: bits&1 > 0, tagged: bits&2 > 0,
						mixed: bits&4 > 0, others: bits&8 > 0, ended: bits&16 > 0, accepted: bits&32 > 0,
					}
					for _, spent := range bools {
						if spent {
							f.waited = maxWaiting
						}
						next := f.next()
						seen[next]++
						what := fmt.Sprintf("%+v: %d", f, next)
						_, local := errors.AsType[*LocalError](err)
						require.Equal(t, f.ended || local, next == stop, what)
						switch next {
						case here, later:
							require.True(t, f.temporary && f.failed < maxTries && f.waited+f.wait <= maxWaiting && f.wait <= maxRetryAfter, what)
							require.Equal(t, next == later, f.others && (f.wait > patience || f.failed > 1), what)
						case unranged:
							require.True(t, f.ranged, what) // and the next request is not
							require.False(t, f.temporary && (f.accepted || f.failed < maxTries), what)
						case untagged:
							require.True(t, f.tagged, what) // and the next request is not
							require.True(t, !f.temporary || errors.Is(err, ErrStatus) && f.failed > 1, what)
						case afresh:
							require.True(t, f.mixed, what)
						case elsewhere:
							require.False(t, f.temporary && f.failed < maxTries && f.waited+f.wait <= maxWaiting && f.wait <= maxRetryAfter, what)
							require.False(t, !f.temporary && (f.ranged || f.tagged) && !errors.Is(err, ErrHash), what)
						}
					}
				}
			}
		}
	}
	require.Len(t, seen, 7, "each occurs")
}

// network is hosts without sockets.
type network struct {
	data     []byte
	bad      func(r *http.Request) *http.Response // nil for an honest answer
	requests int
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.requests++
	if resp := n.bad(r); resp != nil {
		resp.Request, resp.ProtoMajor = r, 1
		return resp, nil
	}
	var from int
	resp := &http.Response{StatusCode: 200, Header: http.Header{"Etag": {tag}}, Request: r, ProtoMajor: 1}
	if s, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		from, _ = strconv.Atoi(strings.TrimSuffix(s, "-"))
		resp.StatusCode = 206
		resp.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(n.data)-1, len(n.data)))
	}
	if r.Header.Get("If-None-Match") == tag {
		resp.StatusCode, from = 304, len(n.data)
	}
	resp.ContentLength = int64(len(n.data) - from)
	resp.Body = io.NopCloser(bytes.NewReader(n.data[from:]))

	return resp, nil
}

// Whatever servers answer to everything, or to ranges and entity tags only, with one
// mirror or two, with a part kept or not: the call ends after a bounded number of requests
// and waits, and once the servers are honest again it succeeds, with the same file.
func TestEveryAnswerEndsAndLeavesNoWedge(t *testing.T) {
	data := random(100)
	f := fileWith(t, nil)
	for status := 200; status < 600; status++ {
		for i, header := range heads {
			if !tells(status, i) {
				continue
			}
			for bits := range 8 {
				conditionalOnly, mirrors, kept := bits&1 > 0, 1+bits>>1&1, bits>>2&1
				what := fmt.Sprint(status, header, conditionalOnly, mirrors, kept)
				n := &network{data: data, bad: func(r *http.Request) *http.Response {
					if conditionalOnly && r.Header.Get("Range") == "" && r.Header.Get("If-None-Match") == "" {
						return nil
					}
					return &http.Response{StatusCode: status, Header: header, ContentLength: -1, TransferEncoding: []string{"chunked"}, Body: io.NopCloser(strings.NewReader("<html>"))}
				}}
				var waited time.Duration
				c, err := New(Options{HTTP: &http.Client{Transport: n}, Wait: func(_ context.Context, d time.Duration) error {
					waited += d
					return nil
				}})
				require.NoError(t, err)
				urls := []*url.URL{{Scheme: "http", Host: "a", Path: "/x"}, {Scheme: "http", Host: "b", Path: "/x"}}[:mirrors]
				require.NoError(t, f.Truncate(0))
				_, err = f.WriteAt(data[:40*kept], 0)
				require.NoError(t, err)

				// A wait that is too long is believed, whatever it is for.
				asks := newStatusError(head{status: status, header: header, now: time.Now()}).after > maxRetryAfter
				err = c.Download(t.Context(), Download{URLs: urls, Size: 100, Hash: sha256Of(data), File: f})
				if !asks {
					require.Equal(t, conditionalOnly, err == nil, "%s: %v", what, err)
				}
				require.LessOrEqual(t, n.requests, mirrors*(maxTries+2), what)
				require.LessOrEqual(t, waited, maxWaiting, what)
				if err != nil {
					require.Equal(t, string(data[:40*kept]), string(contentOf(t, f)), what)
				}

				n.requests, waited = 0, 0
				err = c.Each(t.Context(), urls, func(c *Client, u *url.URL) error {
					_, _, _, err := c.Conditional(t.Context(), u, 100, []string{"", tag}[kept])
					return err
				})
				require.True(t, err == nil || !conditionalOnly || asks, "%s: %v", what, err)
				require.LessOrEqual(t, n.requests, mirrors*3*maxTries, what)
				require.LessOrEqual(t, waited, maxWaiting, what)

				n.bad = func(*http.Request) *http.Response { return nil }
				require.NoError(t, c.Download(t.Context(), Download{URLs: urls, Size: 100, Hash: sha256Of(data), File: f}), what)
			}
		}
	}
}

func TestEach(t *testing.T) {
	repos := []*url.URL{{Host: "a"}, {Host: "b"}, {Host: "c"}}
	var notes []string
	waits := 0
	c := client(t, nil, Options{
		Note: func(_ context.Context, message string, _ ...any) { notes = append(notes, message) },
		Wait: func(context.Context, time.Duration) error { waits++; return nil },
	})
	busy := &readError{"b", &statusError{code: 503, temporary: true, after: time.Minute}}
	other := errors.New("refused")
	for _, tc := range []struct {
		name   string
		answer func(host string, round int) error
		tried  string
		waits  int
		want   []error
	}{
		{"stops at success", func(host string, _ int) error {
			if host == "b" {
				return nil
			}
			return other
		}, "ab", 0, nil},
		{"all refuse", func(string, int) error { return other }, "abc", 0, []error{other}},
		{"a local failure ends it", func(string, int) error { return &LocalError{"writing", other} }, "a", 0, []error{other}},
		{"a busy one is asked after the others", func(host string, round int) error {
			switch {
			case host == "b" && round > 0:
				return nil
			case host == "b":
				return busy
			}
			return other
		}, "abcb", 1, nil},
		{"all are busy for ever", func(string, int) error { return busy }, "abcabcabcabc", 3, []error{ErrTemporary, ErrStatus}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			notes, waits = nil, 0
			tried, rounds := "", map[string]int{}
			err := c.Each(t.Context(), repos, func(c *Client, repo *url.URL) error {
				require.True(t, c.hasty)
				tried += repo.Host
				rounds[repo.Host]++
				return tc.answer(repo.Host, rounds[repo.Host]-1)
			})
			require.Equal(t, tc.tried, tried)
			require.Equal(t, tc.waits, waits)
			require.Equal(t, tc.want == nil, err == nil)
			for _, want := range tc.want {
				require.ErrorIs(t, err, want)
			}
		})
	}
	require.NoError(t, c.Each(t.Context(), repos[:1], func(c *Client, _ *url.URL) error {
		require.False(t, c.hasty, "there is no other one")
		return nil
	}))
	ctx, cancel := context.WithCancel(t.Context())
	tried := 0
	err := c.Each(ctx, repos, func(*Client, *url.URL) error { tried++; cancel(); return other })
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, other)
	require.Equal(t, 1, tried)
}

// Notes reach logs, so a server's bytes in them are harmless, too.
func TestNotesAreHarmless(t *testing.T) {
	for _, busy := range []bool{false, true} {
		var noted []any
		c := client(t, nil, Options{Note: func(_ context.Context, _ string, args ...any) { noted = append(noted, args...) }})
		repos := []*url.URL{{Scheme: "http", User: url.UserPassword("u", "s3cret"), Host: "a", RawQuery: "sig=s3cret"}, {Host: "b"}}
		require.Error(t, c.Each(t.Context(), repos, func(*Client, *url.URL) error {
			return fmt.Errorf("\x1b[31m%w", &readError{"x", &statusError{code: 503, temporary: busy, after: time.Minute}})
		}))
		require.NotEmpty(t, noted)
		require.NotContains(t, fmt.Sprint(noted...), "\x1b")
		require.NotContains(t, fmt.Sprint(noted...), "s3cret")
	}
}
