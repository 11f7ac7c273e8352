// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
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
	"github.com/choria-io/go-updater/internal/testing/tufsim"
	"github.com/choria-io/go-updater/trust"
	"github.com/choria-io/go-updater/trust/tuf"
)

// voucher is a fake of a downloader with trust of its own: it fetches by HTTP and
// says of every document what it is told to.
type voucher struct {
	updater.HTTPDownloader
	by    []string
	err   error
	panic bool
	id    string
	asked int
	ids   int // how often TrustID answers before it panics, 0: always
}

func (v *voucher) VerifyDocument(document []byte) ([]string, error) {
	v.asked++
	if v.panic {
		panic("boom")
	}
	clear(document) // its own copy
	return v.by, v.err
}

func (v *voucher) TrustID() string {
	if v.ids--; v.ids == 0 {
		panic("boom")
	}
	return v.id
}

// A fault in TrustID is a refusal, and once the new binary is in place no reason
// to call the update a failure, let alone to end the program.
func TestTrustIDThatPanics(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	for at := range 3 {
		w.refuses(updater.ErrPanic, updater.DownloadMethod(&voucher{by: []string{"tuf"}, ids: at + 1}))
	}
	require.NoError(t, updater.Apply(w.options(updater.DownloadMethod(&voucher{by: []string{"tuf"}, ids: 4}))...))
	w.holds(newContent)
	require.Contains(t, w.log.String(), "could not be remembered")
}

func TestVerifier(t *testing.T) {
	errNo := errors.New("not this one")
	nokey := updater.Option(noKey)
	for _, tc := range []struct {
		name    string
		voucher *voucher
		opts    []updater.Option
		change  func(r *release)
		want    error
		signers int
	}{
		{"both", &voucher{by: []string{"tuf"}}, nil, nil, nil, 2},
		{"alone", &voucher{by: []string{"tuf"}}, []updater.Option{nokey}, nil, nil, 1},
		{"alone, another key signed", &voucher{by: []string{"tuf"}}, []updater.Option{nokey}, func(r *release) { r.signers[0] = testKey(2) }, nil, 1},
		{"refuses", &voucher{err: errNo}, nil, nil, errNo, 0},
		{"refuses alone", &voucher{err: errNo}, []updater.Option{nokey}, nil, errNo, 0},
		{"names nobody", &voucher{}, []updater.Option{nokey}, nil, trust.ErrUnsigned, 0},
		{"panics", &voucher{panic: true, by: []string{"tuf"}}, []updater.Option{nokey}, nil, updater.ErrPanic, 0},
		{"agrees, another key signed", &voucher{by: []string{"tuf"}}, nil, func(r *release) { r.signers[0] = testKey(2) }, trust.ErrSignature, 0},
		{"agrees, for another platform", &voucher{by: []string{"tuf"}}, []updater.Option{nokey}, func(r *release) { r.doc.Arch = "arm64" }, trust.ErrMismatch, 0},
		{"agrees, another artifact", &voucher{by: []string{"tuf"}}, []updater.Option{nokey}, func(r *release) { r.artifact[20] ^= 1 }, updater.ErrHash, 0},
		{"unsigned on top", &voucher{by: []string{"tuf"}}, []updater.Option{nokey, updater.InsecureAllowUnsigned()}, nil, updater.ErrConfig, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			r := newRelease(t, "1.2.3", []byte(newContent))
			if tc.change != nil {
				tc.change(r)
			}
			w.publish("1.2.3", r)
			opts := append(tc.opts, updater.DownloadMethod(tc.voucher))
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
			require.GreaterOrEqual(t, tc.voucher.asked, 2, "asked again under the lock")
			w.holds(newContent)
		})
	}
}

// What only fetches is not believed for the sake of what it wraps.
func TestWrappedVerifierIsNone(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	wrapped := struct{ updater.Downloader }{&voucher{by: []string{"tuf"}}}
	w.refuses(updater.ErrNoPublicKey, noKey, updater.DownloadMethod(wrapped))
}

// What is remembered holds for those who are trusted: the keys, the verifier, or both.
func TestRememberedBelongsToTheVerifier(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte("older")))
	w.publish("1.3.0", newRelease(t, "1.3.0", []byte(newContent)))
	apply := func(version, id string, more ...updater.Option) error {
		v := &voucher{by: []string{"tuf"}, id: id}
		return updater.Apply(w.options(append(more, updater.CurrentVersion(""), updater.Version(version), updater.DownloadMethod(v))...)...)
	}
	nokey := updater.Option(noKey)
	require.NoError(t, apply("1.3.0", "root 1", nokey))
	require.ErrorIs(t, apply("1.2.3", "root 1", nokey), trust.ErrRollback)
	w.holds(newContent)

	require.NoError(t, apply("1.2.3", "root 2", nokey), "a change of whom to trust starts anew")
	w.holds("older")
	require.NoError(t, apply("1.3.0", "root 2"))
	require.NoError(t, apply("1.2.3", "root 3"), "the key is the same, but not the verifier")
	require.NoError(t, apply("1.3.0", "root 3"))
	require.ErrorIs(t, apply("1.2.3", "root 3"), trust.ErrRollback)
	require.NoError(t, apply("1.2.3", "root 3", updater.PublicKeys(1, public(testKey(1)), public(testKey(2))), nokey))
}

// reader is a downloader that looks at more than release documents.
type reader struct {
	voucher
	read func(d *updater.HTTPDownloader, c *updater.Config) error
	cfg  *updater.Config
}

func (r *reader) Configure(c *updater.Config) error {
	r.cfg = c
	return r.voucher.Configure(c)
}

func (r *reader) FetchSpec() (*updater.Spec, error) {
	if err := r.read(&r.HTTPDownloader, r.cfg); err != nil {
		return nil, err
	}
	return r.voucher.FetchSpec()
}

func TestReadFile(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		limit      int64
		want       error
	}{
		{"as long as the limit", "metadata/1.root.json", 7, nil},
		{"longer", "metadata/1.root.json", 6, updater.ErrTooLarge},
		{"not there", "metadata/2.root.json", 7, updater.ErrNotFound},
		{"not given", "metadata/secret", 7, updater.ErrForbidden},
		{"out of the repository", "../metadata/1.root.json", 7, trust.ErrMalformed},
		{"a query", "metadata/1.root.json?x", 7, trust.ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, mirror := newWorld(t), newWorld(t)
			for _, x := range []*world{w, mirror} {
				x.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			}
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
			d := &reader{voucher: voucher{by: []string{"tuf"}}, read: func(d *updater.HTTPDownloader, c *updater.Config) (err error) {
				require.Equal(t, []string{w.server.URL, mirror.server.URL}, c.Repositories())
				require.Equal(t, now, c.Now())
				got, err = d.ReadFile(c.Repositories()[1], tc.file, tc.limit)
				return err
			}}
			opts := []updater.Option{updater.Mirrors(mirror.server.URL), updater.DownloadMethod(d)}
			if tc.want != nil {
				w.refuses(tc.want, opts...)
				return
			}
			require.NoError(t, updater.Apply(w.options(opts...)...))
			require.Equal(t, "content", string(got))
		})
	}
}

// Slow retrieval, of what comes before the release document in a TUF repository and
// of the document itself.
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
				noKey, updater.DownloadMethod(tuf.New(repo.Signed[tufsim.Root][0])),
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

func TestKeepDir(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts func(w *world) (opts []updater.Option, in string)
	}{
		{"beside the target", func(w *world) ([]updater.Option, string) {
			return nil, filepath.Join(filepath.Dir(w.target), ".app.update")
		}},
		{"in StateDir", func(*world) ([]updater.Option, string) {
			dir := t.TempDir()
			return []updater.Option{updater.StateDir(dir)}, dir
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			var kept string
			d := &reader{voucher: voucher{by: []string{"tuf"}}, read: func(_ *updater.HTTPDownloader, c *updater.Config) (err error) {
				if kept, err = c.KeepDir("tuf"); err != nil {
					return err
				}
				return os.WriteFile(filepath.Join(kept, "x"), nil, 0o600)
			}}
			opts, in := tc.opts(w)
			require.NoError(t, updater.Apply(w.options(append(opts, updater.DownloadMethod(d))...)...))
			require.Equal(t, in, filepath.Dir(kept))
			require.FileExists(t, filepath.Join(kept, "x"), "it outlives the update")
			info, err := os.Stat(kept)
			require.NoError(t, err)
			if runtime.GOOS != "windows" { // where there are access lists instead
				require.Equal(t, fs.ModeDir|0o700, info.Mode())
			}
		})
	}
	t.Run("no target yet", func(t *testing.T) {
		w := newWorld(t)
		w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
		var kept error
		d := &reader{voucher: voucher{by: []string{"tuf"}}, read: func(_ *updater.HTTPDownloader, c *updater.Config) error {
			_, kept = c.KeepDir("tuf")
			return nil
		}}
		_, err := updater.FetchSpec(w.options(updater.TargetFile(w.target+"2"), updater.DownloadMethod(d))...)
		require.NoError(t, err)
		require.ErrorIs(t, kept, fs.ErrNotExist)
	})
}
