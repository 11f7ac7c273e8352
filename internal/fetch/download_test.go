// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// random returns size bytes, which are the same in every run.
func random(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)

	return data
}

func sha256Of(data []byte) string {
	sum := sha256.Sum256(data)

	return hex.EncodeToString(sum[:])
}

// artifact returns a Download of data to f.
func artifact(t testing.TB, data []byte, f *os.File, at ...string) Download {
	t.Helper()
	var urls []*url.URL
	for _, s := range at {
		urls = append(urls, parse(t, s))
	}

	return Download{URLs: urls, Size: int64(len(data)), Hash: sha256Of(data), File: f}
}

// fileWith returns a file with the partial download of an earlier process.
func fileWith(t testing.TB, data []byte) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "partial")
	require.NoError(t, os.WriteFile(name, data, 0o600))
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })

	return f
}

func contentOf(t testing.TB, f *os.File) []byte {
	t.Helper()
	data, err := os.ReadFile(f.Name())
	require.NoError(t, err)

	return data
}

const tag = `"v1"`

// origin is a server of one file. It records requests and counts the bytes sent.
// answer gets the number of the request, from 1.
type origin struct {
	data   []byte
	answer func(o *origin, n int, w http.ResponseWriter, r *http.Request)

	mu      sync.Mutex
	ranges  []string // of the requests
	ifRange []string
	sent    int
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.ranges = append(o.ranges, r.Header.Get("Range"))
	o.ifRange = append(o.ifRange, r.Header.Get("If-Range"))
	n := len(o.ranges)
	o.mu.Unlock()
	w.Header().Set("ETag", tag)
	o.answer(o, n, w, r)
}

func (o *origin) requests() int {
	o.mu.Lock()
	defer o.mu.Unlock()

	return len(o.ranges)
}

// whole is a correct response.
func (o *origin) whole(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "x", time.Time{}, bytes.NewReader(o.data))
}

// until is a correct response that ends before byte end.
func (o *origin) until(end int, w http.ResponseWriter, r *http.Request) {
	var from int
	if s := r.Header.Get("Range"); s != "" {
		_, _ = fmt.Sscanf(s, "bytes=%d-", &from)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(o.data)-1, len(o.data)))
		w.Header().Set("Content-Length", fmt.Sprint(len(o.data)-from))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		w.Header().Set("Content-Length", fmt.Sprint(len(o.data)))
	}
	end = max(end, from)
	n, _ := w.Write(o.data[from:end])
	_ = http.NewResponseController(w).Flush()
	o.mu.Lock()
	o.sent += n
	o.mu.Unlock()
	if end < len(o.data) {
		panic(http.ErrAbortHandler)
	}
}

// part sends data as a 206 with contentRange.
func part(w http.ResponseWriter, contentRange string, data []byte) {
	w.Header().Set("Content-Range", contentRange)
	w.WriteHeader(http.StatusPartialContent)
	_, _ = w.Write(data)
}

// With twenty interruptions and three processes, no byte is downloaded twice.
func TestDownloadResumes(t *testing.T) {
	data := random(4 << 20)
	for name, start := range map[string]func(testing.TB, http.HandlerFunc) *httptest.Server{"http": serve, "https": serveTLS} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			cuts := map[int]bool{}
			for len(cuts) < 20 {
				cuts[rng.IntN(len(data))] = true
			}
			places := append(slices.Sorted(maps.Keys(cuts)), len(data))
			o := &origin{data: data, answer: func(o *origin, n int, w http.ResponseWriter, r *http.Request) {
				o.until(places[min(n, len(places))-1], w, r)
			}}
			srv := start(t, o.ServeHTTP)

			name := filepath.Join(t.TempDir(), "partial")
			for _, stop := range []int{places[6], places[13], len(data) + 1} {
				f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
				require.NoError(t, err)
				ctx, cancel := context.WithCancel(t.Context())
				d := artifact(t, data, f, srv.URL+"/x")
				d.Progress = func(done int64) {
					if done >= int64(stop) {
						cancel()
					}
				}
				err = client(t, srv, Options{}).Download(ctx, d)
				cancel()
				require.NoError(t, f.Close())
				if stop < len(data) {
					require.ErrorIs(t, err, context.Canceled)
					there, err := os.ReadFile(name)
					require.NoError(t, err)
					require.Equal(t, data[:stop], there)
					continue
				}
				require.NoError(t, err)
			}

			there, err := os.ReadFile(name)
			require.NoError(t, err)
			require.Equal(t, sha256Of(data), sha256Of(there))
			srv.Close() // waits until the last answer was counted
			require.LessOrEqual(t, o.sent, len(data)+len(data)/20)
			require.LessOrEqual(t, o.requests(), len(places)+2)
		})
	}
}

// The first response has 200 KiB of 300. These are the responses to the requests
// for the rest.
func TestServersThatLieAboutTheRest(t *testing.T) {
	const there = 200 << 10
	data := random(300 << 10)
	garbage := bytes.Repeat([]byte("garbage!"), 300<<10/8)
	size, last := len(data), len(data)-1
	good := fmt.Sprintf("bytes %d-%d/%d", there, last, size)
	says := func(contentRange string, body []byte) func(*origin, http.ResponseWriter, *http.Request) {
		return func(_ *origin, w http.ResponseWriter, _ *http.Request) { part(w, contentRange, body) }
	}
	for _, tc := range []struct {
		name     string
		rest     func(o *origin, w http.ResponseWriter, r *http.Request) // to a Range
		full     func(o *origin, w http.ResponseWriter, r *http.Request) // without, nil is honest
		want     error
		requests int
	}{
		{"honest", (*origin).whole, nil, nil, 2},
		{"honest, total unknown", says(fmt.Sprintf("bytes %d-%d/*", there, last), data[there:]), nil, nil, 2},
		{"honest, less than was asked for", func(o *origin, w http.ResponseWriter, r *http.Request) {
			var from int
			_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
			end := min(from+60<<10, size)
			part(w, fmt.Sprintf("bytes %d-%d/%d", from, end-1, size), data[from:end])
		}, nil, nil, 3},
		{"ranges are not known", func(o *origin, w http.ResponseWriter, r *http.Request) { _, _ = w.Write(data) }, nil, nil, 2},
		{"ETag changed", func(o *origin, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"v2"`)
			o.whole(w, r)
		}, nil, nil, 2},
		{"part of another ETag", func(o *origin, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"v2"`)
			part(w, good, data[there:])
		}, nil, nil, 3},
		{"416", func(_ *origin, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		}, nil, nil, 3},
		{"begins too early", says(fmt.Sprintf("bytes %d-%d/%d", there-1, last, size), data[there-1:]), nil, nil, 3},
		{"begins too late", says(fmt.Sprintf("bytes %d-%d/%d", there+1, last, size), data[there+1:]), nil, nil, 3},
		{"no range", func(_ *origin, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(data[there:])
		}, nil, nil, 3},
		{"two ranges", func(_ *origin, w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Content-Range", good)
			w.Header().Add("Content-Range", good)
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(data[there:])
		}, nil, nil, 3},
		{"several parts", func(_ *origin, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "Multipart/ByteRanges; boundary=x")
			part(w, good, data[there:])
		}, nil, nil, 3},
		{"not a range", says("bytes */300", data[there:]), nil, nil, 3},
		{"announces less than the range", func(_ *origin, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			part(w, good, data[there:there+10])
		}, nil, nil, 3},
		{"sends more than the range", says(fmt.Sprintf("bytes %d-%d/%d", there, there+1<<10-1, size), data[there:]), nil, nil, 3},
		{"wrong total", says(fmt.Sprintf("bytes %d-%d/%d", there, last, size+1), data[there:]), nil, nil, 3},
		{"ends after the end", says(fmt.Sprintf("bytes %d-%d/*", there, size), append(data[there:size:size], 0)), nil, nil, 3},
		{"gzip", func(_ *origin, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			part(w, good, data[there:])
		}, nil, nil, 2},
		{"garbage", says(good, garbage[there:]), nil, nil, 3},
		{"garbage always", says(good, garbage[there:]), func(_ *origin, w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(garbage)
		}, ErrHash, 3},
		{"no sound answer to anything", says("x", nil), func(_ *origin, w http.ResponseWriter, _ *http.Request) {
			part(w, fmt.Sprintf("bytes 0-%d/%d", last, size), data)
		}, nil, 3},
		{"304", func(_ *origin, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, nil, nil, 3},
		{"404", http404, nil, nil, 3},
		{"404 always", http404, http404, ErrNotFound, 3},
		{"501", func(_ *origin, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotImplemented) }, nil, nil, 3},
		{"503 to ranges only", func(_ *origin, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}, nil, nil, 1 + maxTries},
		{"503 always", unavailable, unavailable, ErrStatus, 1 + maxTries},
		{"redirects without end", func(_ *origin, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/x", http.StatusFound)
		}, nil, nil, 1 + maxRedirects + 1 + 1},
		{"a byte each time", func(o *origin, w http.ResponseWriter, r *http.Request) {
			var from int
			_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
			o.until(from+1, w, r)
		}, nil, ErrConnection, 1 + maxTries - 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := &origin{data: data, answer: func(o *origin, n int, w http.ResponseWriter, r *http.Request) {
				switch {
				case n == 1:
					o.until(there, w, r)
				case r.Header.Get("Range") != "":
					tc.rest(o, w, r)
				case tc.full != nil:
					tc.full(o, w, r)
				default:
					o.whole(w, r)
				}
			}}
			srv := serve(t, o.ServeHTTP)
			f := fileWith(t, nil)
			err := client(t, srv, Options{}).Download(t.Context(), artifact(t, data, f, srv.URL+"/x"))
			require.ErrorIs(t, err, tc.want)
			require.Equal(t, tc.requests, o.requests())
			require.Equal(t, fmt.Sprintf("bytes=%d-", there), o.ranges[1])
			require.Equal(t, tag, o.ifRange[1])

			got := contentOf(t, f)
			switch {
			case err == nil:
				require.Equal(t, sha256Of(data), sha256Of(got))
			case tc.want == ErrHash, tc.want == ErrLength:
				require.Empty(t, got, "another file")
			default:
				require.GreaterOrEqual(t, len(got), there)
				require.True(t, bytes.HasPrefix(data, got), "what came is kept")
			}
		})
	}
}

func unavailable(_ *origin, w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusServiceUnavailable)
}

func http404(_ *origin, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }

// First responses that are invalid, and responses that are never complete.
func TestDownloadRefuses(t *testing.T) {
	data := random(300 << 10)
	for _, tc := range []struct {
		name     string
		answer   func(o *origin, w http.ResponseWriter, r *http.Request)
		want     error
		requests int
		kept     int
	}{
		{"206 unasked, without the last byte", func(_ *origin, w http.ResponseWriter, _ *http.Request) {
			part(w, fmt.Sprintf("bytes 0-%d/%d", len(data)-2, len(data)), data[:len(data)-1])
		}, ErrStatus, 1, 0},
		{"304 unasked", func(_ *origin, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, ErrStatus, 1, 0},
		{"shorter, announced", func(_ *origin, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			_, _ = w.Write(data[:5])
		}, ErrLength, 1, 0},
		{"shorter", func(_ *origin, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data[:290<<10]) }, ErrLength, 1, 0},
		{"longer", func(_ *origin, w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(data)
			w.(http.Flusher).Flush()
			_, _ = w.Write(data)
		}, ErrLength, 1, 0},
		{"other bytes", func(_ *origin, w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, len(data)))
		}, ErrHash, 1, 0},
		{"other bytes, always in two parts", func(o *origin, w http.ResponseWriter, r *http.Request) {
			(&origin{data: make([]byte, len(data))}).until([]int{len(data), 200 << 10}[o.requests()%2], w, r)
		}, ErrHash, 4, 0},
		{"never more than the beginning", func(o *origin, w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			o.until(100<<10, w, r)
		}, ErrConnection, maxTries, 100 << 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := &origin{data: data, answer: func(o *origin, _ int, w http.ResponseWriter, r *http.Request) { tc.answer(o, w, r) }}
			srv := serve(t, o.ServeHTTP)
			f := fileWith(t, nil)
			err := client(t, srv, Options{}).Download(t.Context(), artifact(t, data, f, srv.URL+"/x"))
			require.ErrorIs(t, err, tc.want)
			require.Equal(t, tc.requests, o.requests())
			require.Equal(t, len(data[:tc.kept]), len(contentOf(t, f)))
		})
	}
}

// The partial download of an earlier process is hashed.
func TestPartialDownloadIsHashed(t *testing.T) {
	data := random(300 << 10)
	garbage := bytes.Repeat([]byte("x"), len(data)+1)
	for _, tc := range []struct {
		name   string
		there  []byte
		ranges []string
	}{
		{"nothing", nil, []string{""}},
		{"the beginning", data[:100<<10], []string{"bytes=102400-"}},
		{"all but a byte", data[:len(data)-1], []string{"bytes=307199-"}},
		{"all", data, nil},
		{"garbage", garbage[:100<<10], []string{"bytes=102400-", ""}},
		{"garbage of the right length", garbage[:len(data)], []string{""}},
		{"one wrong byte", append([]byte{data[0] ^ 1}, data[1:200<<10]...), []string{"bytes=204800-", ""}},
		{"too long", append(slices.Clone(data), 0), []string{""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := &origin{data: data, answer: func(o *origin, _ int, w http.ResponseWriter, r *http.Request) { o.whole(w, r) }}
			srv := serve(t, o.ServeHTTP)
			f := fileWith(t, tc.there)
			var last int64
			d := artifact(t, data, f, srv.URL+"/x")
			d.Progress = func(done int64) { last = done }
			require.NoError(t, client(t, srv, Options{}).Download(t.Context(), d))
			require.Equal(t, tc.ranges, o.ranges)
			require.Equal(t, sha256Of(data), sha256Of(contentOf(t, f)))
			require.EqualValues(t, len(data), last)
			for _, tag := range o.ifRange {
				require.Empty(t, tag, "nothing is known of what another process read")
			}
		})
	}
}
