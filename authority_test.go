// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/testing/tufsim"
	"github.com/choria-io/go-updater/trust"
	"github.com/choria-io/go-updater/trust/tuf"
)

// fakeAuthority vouches for every document, as its fields say.
type fakeAuthority struct {
	by      []string
	invalid error
	refuses error // of Refresh
	denies  error // of Document
	panics  string
	nothing bool
	id      string
	asked   int
	uses    func(ctx context.Context, r updater.Refresh) error
}

func (f *fakeAuthority) Validate() error {
	if f.panics == "Validate" {
		panic("boom")
	}
	return f.invalid
}

func (f *fakeAuthority) Refresh(ctx context.Context, r updater.Refresh) (updater.Voucher, error) {
	f.asked++
	if f.panics == "Refresh" {
		panic("boom")
	}
	if f.uses != nil {
		if err := f.uses(ctx, r); err != nil {
			return nil, err
		}
	}
	return fakeVoucher{f, r.Repository}, f.refuses
}

type fakeVoucher struct {
	of         *fakeAuthority
	repository updater.Repository
}

func (f fakeVoucher) Document(ctx context.Context, name string) (*updater.Vouched, error) {
	if f.of.panics == "Document" {
		panic("boom")
	}
	if f.of.nothing || f.of.denies != nil {
		return nil, f.of.denies
	}
	document, err := f.repository.ReadFile(ctx, name, trust.MaxDocument)
	return &updater.Vouched{Document: document, By: f.of.by, TrustID: f.of.id}, err
}

func TestAuthority(t *testing.T) {
	errNo := errors.New("not this one")
	nokey := updater.Option(noKey)
	tuf := []string{"tuf"}
	for _, tc := range []struct {
		name      string
		authority *fakeAuthority
		opts      []updater.Option
		change    func(r *release)
		want      error
		signers   int
	}{
		{"both", &fakeAuthority{by: tuf}, nil, nil, nil, 2},
		{"alone", &fakeAuthority{by: tuf}, []updater.Option{nokey}, nil, nil, 1},
		{"alone, another key signed", &fakeAuthority{by: tuf}, []updater.Option{nokey}, func(r *release) { r.signers[0] = testKey(2) }, nil, 1},
		{"invalid", &fakeAuthority{by: tuf, invalid: errNo}, nil, nil, updater.ErrConfig, 0},
		{"refuses", &fakeAuthority{by: tuf, refuses: errNo}, nil, nil, errNo, 0},
		{"refuses alone", &fakeAuthority{by: tuf, refuses: errNo}, []updater.Option{nokey}, nil, errNo, 0},
		{"denies", &fakeAuthority{by: tuf, denies: errNo}, nil, nil, errNo, 0},
		{"denies alone", &fakeAuthority{by: tuf, denies: errNo}, []updater.Option{nokey}, nil, errNo, 0},
		{"names no key", &fakeAuthority{}, nil, nil, trust.ErrUnsigned, 0},
		{"names no key, alone", &fakeAuthority{}, []updater.Option{nokey}, nil, trust.ErrUnsigned, 0},
		{"panics in Validate", &fakeAuthority{by: tuf, panics: "Validate"}, nil, nil, updater.ErrPanic, 0},
		{"panics in Refresh", &fakeAuthority{by: tuf, panics: "Refresh"}, []updater.Option{nokey}, nil, updater.ErrPanic, 0},
		{"panics in Document", &fakeAuthority{by: tuf, panics: "Document"}, []updater.Option{nokey}, nil, updater.ErrPanic, 0},
		{"vouches, another key signed", &fakeAuthority{by: tuf}, nil, func(r *release) { r.signers[0] = testKey(2) }, trust.ErrSignature, 0},
		{"vouches, for another platform", &fakeAuthority{by: tuf}, []updater.Option{nokey}, func(r *release) { r.doc.Arch = "arm64" }, trust.ErrMismatch, 0},
		{"vouches, another artifact", &fakeAuthority{by: tuf}, []updater.Option{nokey}, func(r *release) { r.artifact[20] ^= 1 }, updater.ErrHash, 0},
		{"unsigned releases allowed too", &fakeAuthority{by: tuf}, []updater.Option{nokey, updater.InsecureAllowUnsigned()}, nil, updater.ErrConfig, 0},
		{"another downloader", &fakeAuthority{by: tuf}, []updater.Option{updater.DownloadMethod(&directory{})}, nil, updater.ErrConfig, 0},
		{"a downloader that embeds ours", &fakeAuthority{by: tuf}, []updater.Option{updater.DownloadMethod(&spy{})}, nil, updater.ErrConfig, 0},
		{"our downloader", &fakeAuthority{by: tuf}, []updater.Option{updater.DownloadMethod(&updater.HTTPDownloader{})}, nil, nil, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			r := newRelease(t, "1.2.3", []byte(newContent))
			if tc.change != nil {
				tc.change(r)
			}
			w.publish("1.2.3", r)
			opts := append(tc.opts, updater.VouchedBy(tc.authority))
			if tc.want != nil {
				w.refuses(tc.want, opts...)
				w.holds(oldContent)
				return
			}
			u, err := updater.New(w.options(opts...)...)
			require.NoError(t, err)
			result, err := u.Apply(t.Context())
			require.NoError(t, err)
			require.Len(t, result.Signers, tc.signers)
			require.Equal(t, 1, tc.authority.asked, "one refresh")
			w.holds(newContent)
		})
	}
}

// After a panic the next repository is asked.
func TestNextMirrorIsAskedAfterAPanicOfTheAuthority(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	a := &fakeAuthority{by: []string{"tuf"}}
	a.uses = func(context.Context, updater.Refresh) error {
		if a.asked == 1 {
			panic("boom")
		}
		return nil
	}
	require.NoError(t, updater.Apply(w.options(updater.VouchedBy(a), updater.Mirrors(w.server.URL))...))
	require.Equal(t, 2, a.asked)
	w.holds(newContent)
}

func TestAuthorityThatReturnsNothing(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	before := w.snapshot()
	err := updater.Apply(w.options(updater.VouchedBy(&fakeAuthority{nothing: true}))...)
	require.ErrorContains(t, err, "returned no document")
	require.Equal(t, before, w.snapshot())
}

// What is remembered belongs to the trusted keys, to the authority, or to both.
func TestMemoryBelongsToTheAuthority(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte("older")))
	w.publish("1.3.0", newRelease(t, "1.3.0", []byte(newContent)))
	apply := func(version, id string, more ...updater.Option) error {
		a := &fakeAuthority{by: []string{"tuf"}, id: id}
		require.NoError(t, os.Chtimes(w.target, now, now), "else the journal says what runs")
		return updater.Apply(w.options(append(more, updater.CurrentVersion(""), updater.Version(version), updater.VouchedBy(a))...)...)
	}
	nokey := updater.Option(noKey)
	require.NoError(t, apply("1.3.0", "root 1", nokey))
	require.ErrorIs(t, apply("1.2.3", "root 1", nokey), trust.ErrRollback)
	w.holds(newContent)

	require.NoError(t, apply("1.2.3", "root 2", nokey), "a change of trust starts a new memory")
	w.holds("older")
	require.NoError(t, apply("1.3.0", "root 2"))
	require.NoError(t, apply("1.2.3", "root 3"), "the key is the same, but not the authority")
	require.NoError(t, apply("1.3.0", "root 3"))
	require.ErrorIs(t, apply("1.2.3", "root 3"), trust.ErrRollback)
	require.NoError(t, apply("1.2.3", "root 3", updater.PublicKeys(1, public(testKey(1)), public(testKey(2))), nokey))
}

func TestAuthorityReadsTheRepository(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		limit      int64
		want       error
	}{
		{"as long as the limit", "metadata/1.root.json", 7, nil},
		{"longer", "metadata/1.root.json", 6, updater.ErrTooLarge},
		{"missing", "metadata/2.root.json", 7, updater.ErrNotFound},
		{"forbidden", "metadata/secret", 7, updater.ErrForbidden},
		{"out of the repository", "../metadata/1.root.json", 7, trust.ErrMalformed},
		{"a query", "metadata/1.root.json?x", 7, trust.ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, mirror := newWorld(t), newWorld(t)
			mirror.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			dir := filepath.Join(mirror.repo, "metadata")
			require.NoError(t, os.MkdirAll(dir, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "1.root.json"), []byte("content"), 0o644))
			mirror.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.URL.Path == "/metadata/secret" {
					rw.WriteHeader(http.StatusForbidden)
					return
				}
				next.ServeHTTP(rw, r)
			}
			var got []byte
			a := &fakeAuthority{by: []string{"tuf"}, uses: func(ctx context.Context, r updater.Refresh) (err error) {
				require.Equal(t, now, r.Now)
				got, err = r.Repository.ReadFile(ctx, tc.file, tc.limit)
				return err
			}}
			opts := []updater.Option{updater.Mirrors(mirror.server.URL), updater.VouchedBy(a)}
			if tc.want != nil {
				w.refuses(tc.want, opts...)
				return
			}
			require.NoError(t, updater.Apply(w.options(opts...)...))
			require.Equal(t, "content", string(got))
			require.Equal(t, 2, a.asked, "one refresh for each repository")
		})
	}
}

// Slow retrieval of TUF metadata and of the release document.
func TestSlowMetadata(t *testing.T) {
	const document = "1.2.3/linux/amd64/release.json"
	for _, tc := range []struct {
		slow string // the end of a path, or nothing
		want error
	}{
		{"", nil}, {"/2.root.json", updater.ErrStalled}, {"/timestamp.json", updater.ErrStalled},
		{".snapshot.json", updater.ErrStalled}, {".targets.json", updater.ErrStalled}, {".release.json", updater.ErrStalled},
	} {
		t.Run("slow"+tc.slow, func(t *testing.T) {
			w := newWorld(t)
			r := newRelease(t, "1.2.3", []byte(newContent))
			w.publish("1.2.3", r)
			repo := tufsim.New(now)
			repo.AddTarget(tufsim.Targets, document, r.bytes(t))
			repo.PublishAll(tufsim.Targets)
			w.handler = func(rw http.ResponseWriter, rq *http.Request, files http.Handler) {
				switch path := rq.URL.Path; {
				case tc.slow != "" && strings.HasSuffix(path, tc.slow):
					for rq.Context().Err() == nil {
						_, _ = rw.Write([]byte(" "))
						_ = http.NewResponseController(rw).Flush()
						time.Sleep(20 * time.Millisecond)
					}
				case strings.HasPrefix(path, "/metadata/"):
					repo.ServeHTTP(rw, rq)
				case strings.HasSuffix(path, ".release.json"):
					rq.URL.Path = "/targets" + path
					repo.ServeHTTP(rw, rq)
				default:
					files.ServeHTTP(rw, rq)
				}
			}
			opts := []updater.Option{
				noKey, updater.VouchedBy(tuf.New(repo.Signed[tufsim.Root][0])),
				updater.Idle(200 * time.Millisecond), updater.Pause(atOnce),
			}
			before, err := os.Stat(w.target)
			require.NoError(t, err)
			err = updater.Apply(w.options(opts...)...)
			if tc.want == nil {
				require.NoError(t, err)
				w.holds(newContent)
				return
			}
			require.ErrorIs(t, err, tc.want)
			after, err := os.Stat(w.target)
			require.NoError(t, err)
			require.True(t, os.SameFile(before, after))
			require.Equal(t, before.Mode(), after.Mode())
			w.holds(oldContent)
		})
	}
}

// storing is an authority that stores a file, and later reads it.
func storing(name string) *fakeAuthority {
	return &fakeAuthority{by: []string{"tuf"}, uses: func(ctx context.Context, r updater.Refresh) error {
		return r.Store.Update(ctx, func() ([]updater.StoredFile, error) {
			return []updater.StoredFile{{Name: name, Data: []byte("content")}}, nil
		})
	}}
}

func TestAuthorityStore(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts func(w *world) (opts []updater.Option, at string)
	}{
		{"beside the target", func(w *world) ([]updater.Option, string) {
			return nil, filepath.Join(filepath.Dir(w.target), ".app.update")
		}},
		{"in StateDir", func(*world) ([]updater.Option, string) {
			dir := t.TempDir()
			return []updater.Option{updater.StateDir(dir)}, filepath.Join(dir, "app-*")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			opts, at := tc.opts(w)
			require.NoError(t, updater.Apply(w.options(append(opts, updater.VouchedBy(storing("x")))...)...))
			found, err := filepath.Glob(filepath.Join(at, "authority", "x"))
			require.NoError(t, err)
			require.Len(t, found, 1, "it outlives the update")
			info, err := os.Stat(filepath.Dir(found[0]))
			require.NoError(t, err)
			if runtime.GOOS != "windows" { // which has access lists instead
				require.Equal(t, fs.ModeDir|0o700, info.Mode())
			}
			var got []byte
			reads := &fakeAuthority{by: []string{"tuf"}, uses: func(_ context.Context, r updater.Refresh) (err error) {
				got, err = r.Store.Read("x", 100)
				return err
			}}
			w.publish("1.2.4", newRelease(t, "1.2.4", []byte("newer")))
			require.NoError(t, updater.Apply(w.options(append(opts, updater.Version("1.2.4"), updater.VouchedBy(reads))...)...))
			require.Equal(t, "content", string(got))
		})
	}
}

// Without a target the files last as long as the Updater.
func TestAuthorityStoreWithoutTarget(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	a := storing("x")
	u, err := updater.New(w.options(updater.TargetFile(w.target+"2"), updater.VouchedBy(a))...)
	require.NoError(t, err)
	_, err = u.Check(t.Context())
	require.NoError(t, err)
	var got []byte
	a.uses = func(_ context.Context, r updater.Refresh) (err error) {
		got, err = r.Store.Read("x", 100)
		return err
	}
	_, err = u.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, "content", string(got))
	require.NoDirExists(t, filepath.Join(filepath.Dir(w.target), ".app2.update"))
}

func TestErrorsOfTheAuthorityStore(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	own := errors.New("its own")
	a := &fakeAuthority{by: []string{"tuf"}, uses: func(ctx context.Context, r updater.Refresh) error {
		file := func() ([]updater.StoredFile, error) { return []updater.StoredFile{{Name: "x"}}, nil }
		require.NoError(t, r.Store.Update(ctx, file))

		err := r.Store.Update(ctx, func() ([]updater.StoredFile, error) { return nil, own })
		require.ErrorIs(t, err, own)
		require.NotErrorIs(t, err, updater.ErrState)

		root, err := store.OpenRoot(filepath.Join(install.WorkDir(w.target), "authority"))
		require.NoError(t, err)
		defer root.Close()
		lock, err := store.Acquire(root, "store.lock")
		require.NoError(t, err)
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		err = r.Store.Update(short, file)
		require.ErrorIs(t, err, updater.ErrLocked)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, updater.ErrState)
		require.NoError(t, lock.Release())

		require.ErrorIs(t, r.Store.Update(ctx, func() ([]updater.StoredFile, error) {
			return []updater.StoredFile{{Name: "absent/x"}}, nil
		}), updater.ErrState)

		_, err = r.Store.Read("absent", 10)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NotErrorIs(t, err, updater.ErrState)
		require.NoError(t, root.Mkdir("planted", 0o700))
		_, err = r.Store.Read("planted", 10)
		require.ErrorIs(t, err, updater.ErrState)
		return nil
	}}
	require.NoError(t, updater.Apply(w.options(updater.VouchedBy(a))...))
	require.Equal(t, 1, a.asked)
}
