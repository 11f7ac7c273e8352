// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/codec/bsdiff/diff"
	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/jcs"
	"github.com/choria-io/go-updater/trust"
)

// atOnce does not wait between two requests.
func atOnce(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// large is a binary whose artifact is too large to come in one piece.
func large(t *testing.T) []byte {
	t.Helper()
	binary := make([]byte, 512<<10)
	_, err := rand.Read(binary)
	require.NoError(t, err)
	return binary
}

// cut lets a server break off after so many bytes of each answer. They are counted
// before they are sent, because the client does not wait for the server to go on.
type cut struct {
	http.ResponseWriter
	left int
	sent *atomic.Int64
}

func (c *cut) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	c.sent.Add(int64(n))
	n, err := c.ResponseWriter.Write(p[:n])
	if err == nil && n < len(p) {
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// A download that breaks off is continued: by the same call, and by a process that is
// started later.
func TestBrokenDownloadIsContinued(t *testing.T) {
	w := newWorld(t)
	r := newRelease(t, "1.2.3", large(t))
	w.publish("1.2.3", r)
	size := int(r.doc.Artifacts[0].Size)
	var sent, piece, answers atomic.Int64
	piece.Store(int64(size / 7))
	w.handler = func(rw http.ResponseWriter, rq *http.Request, next http.Handler) {
		if filepath.Ext(rq.URL.Path) != ".bz2" {
			next.ServeHTTP(rw, rq)
			return
		}
		if answers.Add(1) == 3 {
			piece.Store(0) // the server is down for the rest of this process
		}
		next.ServeHTTP(&cut{rw, int(piece.Load()), &sent}, rq)
	}
	before := w.snapshot()
	err := updater.Apply(w.options(updater.Pause(atOnce))...)
	require.Error(t, err)
	require.NoError(t, updater.RollbackError(err))
	partial := filepath.Join(install.WorkDir(w.target), "partial-"+r.doc.Artifacts[0].Hash)
	require.NotEqual(t, before, w.snapshot())
	info, err := os.Stat(partial)
	require.NoError(t, err)
	require.Zero(t, info.Mode()&0o111)

	piece.Store(int64(size / 7))
	require.NoError(t, updater.Apply(w.options(updater.Pause(atOnce))...))
	w.holds(string(mustRead(t, w.target)))
	require.Equal(t, r.doc.Hash, sum(mustRead(t, w.target)))
	require.NoFileExists(t, partial)
	require.LessOrEqual(t, int(sent.Load()), size+size/20)
}

// A patch that fails is requested each time, and the partial download of the full
// artifact is kept. Partial downloads of other releases are removed, and all of them
// after the installation.
func TestPartialDownloadsOfOneRelease(t *testing.T) {
	old := large(t)
	to := append(bytes.Clone(old), "and more"...)
	w := newWorld(t)
	require.NoError(t, os.WriteFile(w.target, old, 0o755))
	r := newRelease(t, "1.2.3", to)
	patch := w.withPatch(t, r, old, patchOf(t, old, to))
	partial := func(hash string) string { return filepath.Join(install.WorkDir(w.target), "partial-"+hash) }
	given := partial(sum([]byte("given up")))
	require.NoError(t, os.Mkdir(install.WorkDir(w.target), 0o700))
	require.NoError(t, os.WriteFile(given, old[:1<<17], 0o600))

	size := int(r.doc.Artifacts[0].Size)
	var sent, piece atomic.Int64
	piece.Store(int64(size / 2))
	var from []string
	w.handler = func(rw http.ResponseWriter, rq *http.Request, next http.Handler) {
		switch filepath.Ext(rq.URL.Path) {
		case ".patch":
			from = append(from, rq.Header.Get("Range"))
			http.NotFound(rw, rq)
		case ".bz2":
			once := int(piece.Swap(0)) // the server is down
			next.ServeHTTP(&cut{rw, once, &sent}, rq)
		default:
			next.ServeHTTP(rw, rq)
		}
	}
	require.Error(t, updater.Apply(w.options(updater.Pause(atOnce))...))
	w.holds(string(old))
	require.NoFileExists(t, given)
	require.FileExists(t, partial(r.doc.Artifacts[0].Hash))
	require.NoError(t, os.WriteFile(partial(patch.Hash), []byte("came before"), 0o600))

	piece.Store(int64(size))
	require.NoError(t, updater.Apply(w.options(updater.Pause(atOnce))...))
	w.holds(string(to))
	require.Equal(t, []string{"", "bytes=11-", ""}, from, "the patch was continued, and then asked for once as a whole")
	require.LessOrEqual(t, int(sent.Load()), size+size/20, "the full artifact was continued")
	left, err := filepath.Glob(partial("*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// Another process installed the release meanwhile.
func TestPartialDownloadOfAnInstalledReleaseIsRemoved(t *testing.T) {
	w := newWorld(t)
	r := newRelease(t, "1.2.3", []byte(newContent))
	w.publish("1.2.3", r)
	require.NoError(t, os.WriteFile(w.target, []byte(newContent), 0o755))
	require.NoError(t, os.Mkdir(install.WorkDir(w.target), 0o700))
	partial := filepath.Join(install.WorkDir(w.target), "partial-"+r.doc.Artifacts[0].Hash)
	require.NoError(t, os.WriteFile(partial, []byte("begun"), 0o600))
	require.NoError(t, updater.Apply(w.options()...))
	require.NoFileExists(t, partial)
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return raw
}

// A partial download is hashed like everything else, whatever is in it.
func TestPartialDownloadIsNotTrusted(t *testing.T) {
	for name, change := range map[string]func(artifact []byte) []byte{
		"of other bytes":     func(a []byte) []byte { return bytes.Repeat([]byte{'x'}, len(a)/2) },
		"whole and changed":  func(a []byte) []byte { a[len(a)/3] ^= 1; return a },
		"too long":           func(a []byte) []byte { return append(a, 'x') },
		"whole":              func(a []byte) []byte { return a },
		"the first third":    func(a []byte) []byte { return a[:len(a)/3] },
		"changed in one bit": func(a []byte) []byte { a[0] ^= 1; return a[:len(a)/3] },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := newRelease(t, "1.2.3", large(t))
			w.publish("1.2.3", r)
			require.NoError(t, os.Mkdir(install.WorkDir(w.target), 0o700))
			partial := filepath.Join(install.WorkDir(w.target), "partial-"+r.doc.Artifacts[0].Hash)
			require.NoError(t, os.WriteFile(partial, change(bytes.Clone(r.artifact)), 0o600))
			require.NoError(t, updater.Apply(w.options(updater.Pause(atOnce))...))
			require.Equal(t, r.doc.Hash, sum(mustRead(t, w.target)))
			require.NoFileExists(t, partial)
		})
	}
}

func patchOf(t *testing.T, from, to []byte) []byte {
	t.Helper()
	var patch bytes.Buffer
	require.NoError(t, diff.Write(t.Context(), &patch, from, to, nil))
	return patch.Bytes()
}

// withPatch adds a patch of a binary to a release, and publishes both.
func (w *world) withPatch(t *testing.T, r *release, from, patch []byte) *trust.Artifact {
	t.Helper()
	a := trust.Artifact{
		Path: "app-linux-amd64-1.2.3-from-1.2.2.patch", Encoding: "bsdiff", From: sum(from),
		Size: int64(len(patch)), Hash: sum(patch),
	}
	r.doc.Artifacts = append(r.doc.Artifacts, a)
	w.publish("1.2.3", r)
	require.NoError(t, os.WriteFile(filepath.Join(w.repo, "1.2.3/linux/amd64", a.Path), patch, 0o644))
	return &r.doc.Artifacts[len(r.doc.Artifacts)-1]
}

func TestPatches(t *testing.T) {
	from := large(t)
	to := append(bytes.Clone(from), "and more"...)
	copy(to[len(to)/2:], "something else")
	sound, whole := patchOf(t, from, to), newRelease(t, "1.2.3", to) // once, which takes a second
	for name, tc := range map[string]struct {
		change func(w *world, r *release, patch *trust.Artifact) // after it was published
		files  []string                                          // that are asked for
	}{
		"of the installed file": {func(*world, *release, *trust.Artifact) {}, []string{"patch"}},
		"is missing": {func(w *world, _ *release, patch *trust.Artifact) {
			require.NoError(w.t, os.Remove(filepath.Join(w.repo, "1.2.3/linux/amd64", patch.Path)))
		}, []string{"patch", "bz2"}},
		"is damaged": {func(w *world, _ *release, patch *trust.Artifact) {
			require.NoError(w.t, os.WriteFile(filepath.Join(w.repo, "1.2.3/linux/amd64", patch.Path), bytes.Repeat([]byte{'x'}, int(patch.Size)), 0o600))
		}, []string{"patch", "bz2"}},
		"is signed, and not a patch": {func(w *world, r *release, patch *trust.Artifact) {
			garbage := bytes.Repeat([]byte{'x'}, int(patch.Size))
			patch.Hash = sum(garbage)
			w.publish("1.2.3", r)
			require.NoError(w.t, os.WriteFile(filepath.Join(w.repo, "1.2.3/linux/amd64", patch.Path), garbage, 0o600))
		}, []string{"patch", "bz2"}},
		"makes another file": {func(w *world, r *release, patch *trust.Artifact) {
			other := patchOf(w.t, from, append(to[1:len(to):len(to)], 'x'))
			patch.Size, patch.Hash = int64(len(other)), sum(other)
			w.publish("1.2.3", r)
			require.NoError(w.t, os.WriteFile(filepath.Join(w.repo, "1.2.3/linux/amd64", patch.Path), other, 0o600))
		}, []string{"patch", "bz2"}},
		"of another file": {func(w *world, r *release, patch *trust.Artifact) {
			patch.From = sum(to)
			w.publish("1.2.3", r)
		}, []string{"bz2"}},
		"in an unknown encoding": {func(w *world, r *release, patch *trust.Artifact) {
			patch.Encoding = "courgette"
			w.publish("1.2.3", r)
		}, []string{"bz2"}},
		"not smaller than the full artifact": {func(w *world, r *release, patch *trust.Artifact) {
			patch.Size = r.doc.Artifacts[0].Size
			w.publish("1.2.3", r)
		}, []string{"bz2"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			require.NoError(t, os.WriteFile(w.target, from, 0o755))
			r := *whole
			r.doc.Artifacts = slices.Clone(r.doc.Artifacts)
			patch := w.withPatch(t, &r, from, sound)
			tc.change(w, &r, patch)
			var files []string
			w.handler = func(rw http.ResponseWriter, rq *http.Request, next http.Handler) {
				if kind := filepath.Ext(rq.URL.Path)[1:]; kind != "json" && (len(files) == 0 || files[len(files)-1] != kind) {
					files = append(files, kind)
				}
				next.ServeHTTP(rw, rq)
			}
			require.NoError(t, updater.Apply(w.options(updater.Pause(atOnce))...))
			w.holds(string(to))
			require.Equal(t, tc.files, files)
			require.Equal(t, len(tc.files) > 1, strings.Contains(w.log.String(), "artifact failed, trying the next one"))
			entries, err := os.ReadDir(install.WorkDir(w.target))
			require.NoError(t, err)
			require.Len(t, entries, 1, "the journal")
		})
	}
}

// If the full artifact fails too, the error is about that.
func TestErrorIsOfTheFullArtifactIfBothFail(t *testing.T) {
	from := large(t)
	to := append(bytes.Clone(from), "and more"...)
	w := newWorld(t)
	require.NoError(t, os.WriteFile(w.target, from, 0o755))
	r := newRelease(t, "1.2.3", to)
	r.artifact[len(r.artifact)/2] ^= 1
	patch := w.withPatch(t, r, from, patchOf(t, from, to))
	require.NoError(t, os.Remove(filepath.Join(w.repo, "1.2.3/linux/amd64", patch.Path)))
	w.refuses(updater.ErrHash, updater.Pause(atOnce))
}

func TestMirrors(t *testing.T) {
	const good, stale, truncated, garbage, hanging, gone = "good", "stale", "truncated", "garbage", "hanging", "gone"
	errAny := errors.New("any")
	for _, tc := range []struct {
		kinds []string // of SourceRepo and its mirrors
		want  error
	}{
		{[]string{good}, nil},
		{[]string{gone, good}, nil},
		{[]string{garbage, good}, nil},
		{[]string{stale, good}, nil},
		{[]string{truncated, good}, nil},
		{[]string{hanging, good}, nil},
		{[]string{gone, garbage, stale, truncated, hanging, good}, nil},
		{[]string{gone, gone}, updater.ErrNotFound},
		{[]string{truncated, truncated}, updater.ErrHash},
		{[]string{gone, garbage, stale, hanging}, errAny},
	} {
		t.Run(strings.Join(tc.kinds, " "), func(t *testing.T) {
			w := newWorld(t)
			r := newRelease(t, "1.2.3", []byte(newContent))
			w.publish("1.2.3", r)
			old := newRelease(t, "1.2.2", []byte(oldContent))
			w.publish("1.2.2", old)
			files := http.FileServer(http.Dir(w.repo))
			var urls []string
			for _, kind := range tc.kinds {
				server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, rq *http.Request) {
					artifact := strings.HasSuffix(rq.URL.Path, ".bz2")
					switch {
					case kind == gone:
						http.NotFound(rw, rq)
					case kind == garbage:
						fmt.Fprint(rw, "<html>please log in")
					case kind == hanging:
						<-rq.Context().Done()
					case kind == stale:
						rq.URL.Path = strings.Replace(rq.URL.Path, "1.2.3", "1.2.2", 1)
						files.ServeHTTP(rw, rq)
					case kind == truncated && artifact:
						_, _ = rw.Write(r.artifact[:len(r.artifact)-1])
					default:
						files.ServeHTTP(rw, rq)
					}
				}))
				t.Cleanup(server.Close)
				urls = append(urls, server.URL)
			}
			options := []updater.Option{
				updater.SourceRepo(urls[0]), updater.Mirrors(urls[1:]...),
				updater.Idle(200 * time.Millisecond), updater.Pause(atOnce),
			}
			if tc.want == nil {
				require.NoError(t, updater.Apply(w.options(options...)...))
				w.holds(newContent)
				require.Equal(t, len(tc.kinds) > 1, strings.Contains(w.log.String(), "warning:"))
				return
			}
			before := w.snapshot()
			err := updater.Apply(w.options(options...)...)
			require.Error(t, err)
			if tc.want != errAny {
				require.ErrorIs(t, err, tc.want)
			}
			for _, u := range urls {
				require.ErrorContains(t, err, strings.TrimPrefix(u, "http://"), "names each")
			}
			require.Equal(t, before, w.snapshot())
		})
	}
}

// A document of v0.1.0 has the hash of the binary, not of the artifact.
func TestMirrorsOfUnsigned(t *testing.T) {
	const good, gone, other = "good", "gone", "other"
	for _, tc := range []struct {
		kinds []string // of the artifact, at SourceRepo and its mirrors
		want  error
	}{
		{[]string{good}, nil},
		{[]string{gone, good}, nil},
		{[]string{other, gone, good}, nil},
		{[]string{other, gone}, updater.ErrHash},
		{[]string{gone, other}, updater.ErrNotFound},
	} {
		t.Run(strings.Join(tc.kinds, " "), func(t *testing.T) {
			w := newWorld(t)
			r := newRelease(t, "1.2.3", []byte(newContent))
			r.document = func(*testing.T, []byte) []byte {
				return jcs.Format(map[string]any{"binary": r.doc.Binary, "hash": r.doc.Hash})
			}
			w.publish("1.2.3", r)
			files := http.FileServer(http.Dir(w.repo))
			var urls []string
			for _, kind := range tc.kinds {
				server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, rq *http.Request) {
					switch artifact := strings.HasSuffix(rq.URL.Path, ".bz2"); {
					case artifact && kind == gone:
						http.NotFound(rw, rq)
					case artifact && kind == other:
						_, _ = rw.Write(pack(t, []byte("another program")))
					default:
						files.ServeHTTP(rw, rq)
					}
				}))
				t.Cleanup(server.Close)
				urls = append(urls, server.URL)
			}
			options := []updater.Option{
				updater.SourceRepo(urls[0]), updater.Mirrors(urls[1:]...), updater.Pause(atOnce),
				noKey, updater.InsecureAllowUnsigned(),
			}
			if tc.want == nil {
				require.NoError(t, updater.Apply(w.options(options...)...))
				w.holds(newContent)
				return
			}
			err := w.refuses(tc.want, options...)
			require.ErrorIs(t, err, updater.ErrHash, "says what is wrong with each")
			require.ErrorIs(t, err, updater.ErrNotFound, "says what is wrong with each")
		})
	}
}

func TestMirrorsGetNoHeaders(t *testing.T) {
	w, mirror := newWorld(t), newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	w.handler = func(rw http.ResponseWriter, rq *http.Request, _ http.Handler) {
		require.Equal(t, "secret", rq.Header.Get("X-Token"))
		http.NotFound(rw, rq)
	}
	mirror.repo = w.repo
	mirror.handler = func(rw http.ResponseWriter, rq *http.Request, _ http.Handler) {
		require.Empty(t, rq.Header.Get("X-Token"))
		http.FileServer(http.Dir(w.repo)).ServeHTTP(rw, rq)
	}
	require.NoError(t, updater.Apply(w.options(updater.Mirrors(mirror.server.URL), updater.Header("X-Token", "secret"))...))
	w.holds(newContent)
}

func TestMirrorsAreChecked(t *testing.T) {
	w := newWorld(t)
	err := updater.Apply(w.options(updater.Mirrors(w.server.URL, "ftp://hunter2@example.net/"))...)
	require.ErrorIs(t, err, updater.ErrConfig)
	require.ErrorContains(t, err, "Mirrors(): URL 2")
	require.NotContains(t, err.Error(), "hunter2")
}

// A repository that is down for a moment does not end an update.
func TestServerThatRecoversIsAskedAgain(t *testing.T) {
	for _, status := range []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			failing := 0
			w.handler = func(rw http.ResponseWriter, rq *http.Request, next http.Handler) {
				if failing++; failing%2 == 1 {
					http.Error(rw, "not now", status)
					return
				}
				next.ServeHTTP(rw, rq)
			}
			require.NoError(t, updater.Apply(w.options(updater.Pause(atOnce))...))
			w.holds(newContent)
			require.EqualValues(t, 4, w.requests.Load())
		})
	}
}
