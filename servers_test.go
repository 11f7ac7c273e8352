// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/install"
)

// Honest servers, and what honest people put in front of them.

// answering changes the answers of a world for paths that end with suffix, and breaks
// the first of them off in the middle if half is set.
func (w *world) answering(suffix string, half bool, size int, answer http.HandlerFunc) (sent *atomic.Int64) {
	sent = &atomic.Int64{}
	var n atomic.Int64
	w.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		switch {
		case !strings.HasSuffix(r.URL.Path, suffix):
			next.ServeHTTP(rw, r)
		case n.Add(1) == 1 && half:
			next.ServeHTTP(&cut{rw, size / 2, sent}, r)
		default:
			counted := &cut{rw, 1 << 30, sent}
			handled := false
			answer(&noticed{counted, &handled}, r)
			if !handled {
				next.ServeHTTP(counted, r)
			}
		}
	}
	return sent
}

// noticed notes that a handler answered.
type noticed struct {
	http.ResponseWriter
	handled *bool
}

func (n *noticed) WriteHeader(code int) {
	*n.handled = true
	n.ResponseWriter.WriteHeader(code)
}

func (n *noticed) Write(p []byte) (int, error) {
	*n.handled = true
	return n.ResponseWriter.Write(p)
}

// A server, or what is before it, refuses every request with Range.
func TestC1_RangesAreRefused(t *testing.T) {
	r := newRelease(t, "1.2.3", large(t))
	for _, status := range []int{400, 401, 403, 404, 405, 412, 416, 500, 501, 503, 511, 204, 304, 302, 0} {
		for _, resumed := range []bool{false, true} {
			t.Run(fmt.Sprint(status, " resumed by a later process: ", resumed), func(t *testing.T) {
				w := newWorld(t)
				w.publish("1.2.3", r)
				partial := w.partial(r)
				if resumed {
					require.NoError(t, os.Mkdir(install.WorkDir(w.target), 0o700))
					require.NoError(t, os.WriteFile(partial, r.artifact[:len(r.artifact)/2], 0o600))
				}
				w.answering(".bz2", !resumed, len(r.artifact), func(rw http.ResponseWriter, r *http.Request) {
					switch {
					case r.Header.Get("Range") == "":
					case status == 0:
						panic(http.ErrAbortHandler)
					default:
						rw.WriteHeader(status)
					}
				})
				require.NoError(t, updater.Apply(w.options(updater.Pause(atOnce))...))
				require.Equal(t, r.doc.Hash, sum(mustRead(t, w.target)))
				require.NoFileExists(t, partial)
			})
		}
	}
}

func (w *world) partial(r *release) string {
	return filepath.Join(install.WorkDir(w.target), "partial-"+r.doc.Artifacts[0].Hash)
}

// A server answers every request with a part that is the whole.
func TestC2_EverythingIsAPart(t *testing.T) {
	r := newRelease(t, "1.2.3", large(t))
	for _, tc := range []struct {
		name, contentRange string // of the size n
		half               bool
		want               error
		text               string
	}{
		{"whole", "bytes 0-%[2]d/%[1]d", false, nil, ""},
		{"whole, resumed", "bytes 0-%[2]d/%[1]d", true, nil, ""},
		{"one byte less", "bytes 0-%[3]d/%[1]d", false, nil, "206"},
		{"one byte more than there is", "bytes 0-%[1]d/%[1]d", false, nil, "206"},
		{"of a larger file", "bytes 0-%[2]d/1000000", false, nil, "206"},
		{"of unknown size", "bytes 0-%[2]d/*", false, nil, "206"}, // the document may be a part
		{"from the second byte", "bytes 1-%[2]d/%[1]d", false, nil, "206"},
		{"without a range", "", false, nil, "206"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", r)
			w.answering("", tc.half, len(r.artifact), func(rw http.ResponseWriter, rq *http.Request) {
				content := mustRead(t, filepath.Join(w.repo, rq.URL.Path))
				if tc.contentRange != "" {
					rw.Header().Set("Content-Range", strings.Split(fmt.Sprintf(tc.contentRange+"\n%[1]d%[2]d%[3]d", len(content), len(content)-1, len(content)-2), "\n")[0])
				}
				rw.WriteHeader(http.StatusPartialContent)
				_, _ = rw.Write(content)
			})
			if tc.text != "" {
				before := w.snapshot()
				require.ErrorContains(t, updater.Apply(w.options(updater.Pause(atOnce))...), tc.text)
				require.Equal(t, before, w.snapshot())
				return
			}
			require.NoError(t, updater.Apply(w.options(updater.Pause(atOnce))...))
			require.Equal(t, r.doc.Hash, sum(mustRead(t, w.target)))
		})
	}
}

// waits records the waits of a client.
type waits struct {
	all []time.Duration
	end error // of each
}

func (w *waits) option() updater.Option {
	return updater.Pause(func(ctx context.Context, d time.Duration) error {
		w.all = append(w.all, d)
		return w.end
	})
}

func TestC3_ALongWaitGoesToTheNextRepositoryFirst(t *testing.T) {
	keys := []updater.Option{}
	vouched := []updater.Option{updater.VouchedBy(&fakeAuthority{by: []string{"tuf"}})}
	unsigned := []updater.Option{noKey, updater.InsecureAllowUnsigned()}
	for _, tc := range []struct {
		name, suffix, after string
		opts                []updater.Option
	}{
		{"document, an hour", ".json", "3600", keys},
		{"document, two seconds", ".json", "2", keys},
		{"document, no word of when", ".json", "", keys},
		{"artifact, an hour", ".bz2", "3600", keys},
		{"artifact, two seconds", ".bz2", "2", keys},
		{"vouched document, an hour", ".json", "3600", vouched},
		{"vouched document, two seconds", ".json", "2", vouched},
		{"artifact of v0.1.0, an hour", ".bz2", "3600", unsigned},
		{"artifact of v0.1.0, two seconds", ".bz2", "2", unsigned},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, mirror := newWorld(t), newWorld(t)
			r := newRelease(t, "1.2.3", []byte(newContent))
			if strings.Contains(tc.name, "v0.1.0") {
				r.document = func(*testing.T, []byte) []byte {
					return fmt.Appendf(nil, `{"binary":%q,"hash":%q}`, r.doc.Binary, r.doc.Hash)
				}
			}
			w.publish("1.2.3", r)
			mirror.publish("1.2.3", r)
			w.answering(tc.suffix, false, 0, func(rw http.ResponseWriter, _ *http.Request) {
				if tc.after != "" {
					rw.Header().Set("Retry-After", tc.after)
				}
				rw.WriteHeader(http.StatusServiceUnavailable)
			})
			var took waits
			require.NoError(t, updater.Apply(w.options(append(tc.opts, updater.Mirrors(mirror.server.URL), took.option())...)...))
			w.holds(newContent)
			for _, d := range took.all {
				require.Less(t, d, time.Second)
			}
			require.LessOrEqual(t, len(took.all), 1)
			require.Equal(t, len(took.all), strings.Count(w.log.String(), "waiting before the next request"))
			require.Contains(t, w.log.String(), "503")
		})
	}
}

// All repositories are busy: now the wait is taken, the shortest first, and logged.
func TestC3_AllRepositoriesAreBusy(t *testing.T) {
	for _, suffix := range []string{".json", ".bz2"} {
		t.Run(suffix, func(t *testing.T) {
			w, mirror := newWorld(t), newWorld(t)
			r := newRelease(t, "1.2.3", []byte(newContent))
			w.publish("1.2.3", r)
			mirror.publish("1.2.3", r)
			busy := func(seconds string) http.HandlerFunc {
				asked := false
				return func(rw http.ResponseWriter, _ *http.Request) {
					if !asked {
						asked = true
						rw.Header().Set("Retry-After", seconds)
						rw.WriteHeader(http.StatusServiceUnavailable)
					}
				}
			}
			w.answering(suffix, false, 0, busy("90"))
			mirror.answering(suffix, false, 0, busy("60"))
			var took waits
			require.NoError(t, updater.Apply(w.options(updater.Mirrors(mirror.server.URL), took.option())...))
			require.Equal(t, []time.Duration{time.Minute}, took.all)
			line := w.log.String()[strings.Index(w.log.String(), "waiting before the next request"):]
			for _, part := range []string{mirror.server.URL, "1m0s", "503 Service Unavailable"} {
				require.Contains(t, strings.SplitN(line, "\n", 2)[0], part)
			}
		})
	}
}

func TestC3_ErrorNamesTheLastAnswer(t *testing.T) {
	for _, tc := range []struct {
		name, after string
		end         error
		want        []error
		text        string
	}{
		{"deadline while waiting", "60", context.DeadlineExceeded, []error{context.DeadlineExceeded, updater.ErrTemporary}, "503 Service Unavailable, and asked to wait 1m0s"},
		{"cancelled while waiting", "60", context.Canceled, []error{context.Canceled}, "503 Service Unavailable"},
		{"longer than we wait", "3600", nil, []error{updater.ErrTemporary}, "503 Service Unavailable, and asked to wait 1h0m0s"},
	} {
		for _, suffix := range []string{".json", ".bz2"} {
			for mirrors := range 2 {
				t.Run(fmt.Sprint(tc.name, suffix, mirrors), func(t *testing.T) {
					w := newWorld(t)
					w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
					w.answering(suffix, false, 0, func(rw http.ResponseWriter, _ *http.Request) {
						rw.Header().Set("Retry-After", tc.after)
						rw.WriteHeader(http.StatusServiceUnavailable)
					})
					opts := []updater.Option{(&waits{end: tc.end}).option()}
					if mirrors == 1 {
						opts = append(opts, updater.Mirrors(w.server.URL+"/"))
					}
					err := w.refuses(tc.want[0], opts...)
					for _, want := range tc.want {
						require.ErrorIs(t, err, want)
					}
					require.ErrorContains(t, err, tc.text)
					require.NotContains(t, err.Error(), "\n")
				})
			}
		}
	}
	t.Run("deadline during the second request", func(t *testing.T) {
		w := newWorld(t)
		w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		w.answering(".json", false, 0, func(rw http.ResponseWriter, r *http.Request) {
			if w.requests.Load() > 1 {
				<-r.Context().Done()
			}
			rw.WriteHeader(http.StatusBadGateway)
		})
		u, err := updater.New(w.options(updater.Pause(atOnce))...)
		require.NoError(t, err)
		_, err = u.Apply(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "502 Bad Gateway")
	})
}

// Labels on artifacts, which servers derive from names, say nothing.
func TestC5_ContentEncodingIsALabel(t *testing.T) {
	r := newRelease(t, "1.2.3", large(t))
	for _, tc := range []struct {
		suffix, label string
		want          string
	}{
		{".bz2", "zstd", ""},
		{".bz2", "gzip", ""},
		{".bz2", "x-gzip", ""},
		{".bz2", "x-bzip2", ""},
		{".bz2", "br", ""},
		{".bz2", "nonsense", ""},
		{".json", "aws-chunked", ""},
		{".json", "utf-8", ""},
		{".json", "made-up, identity", ""},
		{".json", "gzip", "content encoding refused"},
		{".json", "aws-chunked, gzip", "content encoding refused"},
		{".json", "zstd", "content encoding refused"},
	} {
		for _, half := range []bool{false, true} {
			if half && tc.suffix == ".json" {
				continue // never in parts
			}
			t.Run(fmt.Sprint(tc.suffix, " ", tc.label, half), func(t *testing.T) {
				w := newWorld(t)
				w.publish("1.2.3", r)
				w.answering(tc.suffix, half, len(r.artifact), func(rw http.ResponseWriter, _ *http.Request) {
					rw.Header().Set("Content-Encoding", tc.label)
				})
				opts := []updater.Option{updater.Pause(atOnce), updater.HTTPClient(&http.Client{Transport: &http.Transport{}})}
				if tc.want != "" {
					before := w.snapshot()
					require.ErrorContains(t, updater.Apply(w.options(opts...)...), tc.want)
					require.Equal(t, before, w.snapshot())
					return
				}
				require.NoError(t, updater.Apply(w.options(opts...)...))
				require.Equal(t, r.doc.Hash, sum(mustRead(t, w.target)))
			})
		}
	}
}
