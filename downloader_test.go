// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/trust"
)

// directory is a downloader as in a program for v0.1.0: it reads release.json with
// encoding/json, and writes the binary to the given path.
type directory struct {
	dir    string
	binary []byte

	config     *updater.Config
	configured int
	fetchSpec  func() (*updater.Spec, error)
	fetch      func(spec *updater.Spec, target string) error
}

func (d *directory) Configure(c *updater.Config) error {
	d.config = c
	d.configured++
	return nil
}

func (d *directory) FetchSpec() (*updater.Spec, error) {
	if d.fetchSpec != nil {
		return d.fetchSpec()
	}
	raw, err := os.ReadFile(filepath.Join(d.dir, d.config.Version, d.config.OperatingSystem, d.config.Architecture, "release.json"))
	if err != nil {
		return nil, err
	}
	spec := &updater.Spec{}
	return spec, json.Unmarshal(raw, spec)
}

func (d *directory) FetchBinary(spec *updater.Spec, target string) error {
	if d.fetch != nil {
		return d.fetch(spec, target)
	}
	return os.WriteFile(target, d.binary, 0o755)
}

func TestCustomDownloaderIsNotTrusted(t *testing.T) {
	binary := []byte(newContent)
	errOwn := errors.New("its own")
	for _, tc := range []struct {
		name   string
		change func(d *directory)
		want   error
		text   string
	}{
		{"honest", func(*directory) {}, nil, ""},
		{"fails", func(d *directory) { d.fetchSpec = func() (*updater.Spec, error) { return nil, errOwn } }, errOwn, ""},
		{"returns nothing", func(d *directory) { d.fetchSpec = func() (*updater.Spec, error) { return nil, nil } }, nil, "no Spec"},
		{"panics on the document", func(d *directory) { d.fetchSpec = func() (*updater.Spec, error) { panic("boom") } }, updater.ErrPanic, "boom"},
		{"panics on the binary", func(d *directory) { d.fetch = func(*updater.Spec, string) error { panic("boom") } }, updater.ErrPanic, "boom"},
		{"invents the Spec", func(d *directory) {
			d.fetchSpec = func() (*updater.Spec, error) {
				return &updater.Spec{BinaryPath: "x", Sha256Hash: sum(binary)}, nil
			}
		}, trust.ErrUnsigned, "ParseSpec"},
		{"writes another binary", func(d *directory) { d.binary = []byte("another program") }, updater.ErrHash, ""},
		{"writes one byte more", func(d *directory) { d.binary = append(binary, 'x') }, updater.ErrHash, ""},
		{"writes nothing", func(d *directory) { d.fetch = func(*updater.Spec, string) error { return nil } }, os.ErrNotExist, ""},
		{"makes a symbolic link", func(d *directory) {
			d.fetch = func(_ *updater.Spec, target string) error {
				return os.Symlink(filepath.Join(d.dir, "elsewhere"), target)
			}
		}, nil, "not a regular file"},
		{"makes a second name", func(d *directory) {
			d.fetch = func(_ *updater.Spec, target string) error {
				if err := os.WriteFile(target, binary, 0o600); err != nil {
					return err
				}
				return os.Link(target, filepath.Join(d.dir, "second name"))
			}
		}, nil, "names"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			if tc.name == "makes a symbolic link" {
				symlink(t, w.target, filepath.Join(t.TempDir(), "link"))
			}
			w.publish("1.2.3", newRelease(t, "1.2.3", binary))
			require.NoError(t, os.WriteFile(filepath.Join(w.repo, "elsewhere"), binary, 0o600))
			d := &directory{dir: w.repo, binary: binary}
			tc.change(d)
			before := w.snapshot()
			err := updater.Apply(w.options(updater.DownloadMethod(d))...)
			require.Equal(t, 1, d.configured)
			if tc.want == nil && tc.text == "" {
				require.NoError(t, err)
				w.holds(newContent)
				return
			}
			if tc.want != nil {
				require.ErrorIs(t, err, tc.want)
			}
			require.ErrorContains(t, err, tc.text)
			require.Equal(t, before, w.snapshot())
		})
	}
}

func TestDownloaderSeesWholeConfigurationWhateverTheOrder(t *testing.T) {
	w := newWorld(t)
	d := &directory{dir: w.repo}
	_, err := updater.New(append([]updater.Option{updater.DownloadMethod(d)}, w.options()...)...)
	require.NoError(t, err)
	require.Equal(t, 1, d.configured)
	require.Equal(t, "1.2.3", d.config.Version)
	require.NotNil(t, d.config.Log)
	require.NotNil(t, d.config.Context())
}

// A downloader may change the Spec that it returned while the Spec is verified. Only
// what was verified is used (T13).
func TestSpecIsNotChangedWhileItIsVerified(t *testing.T) {
	w := newWorld(t)
	honest := newRelease(t, "1.2.3", []byte(newContent))
	forged := newRelease(t, "1.2.3", []byte("another program"))
	forged.signers = nil
	w.publish("1.2.3", honest)
	returned, err := updater.ParseSpec(forged.bytes(t))
	require.NoError(t, err)
	d := &directory{fetchSpec: func() (*updater.Spec, error) { return returned, nil }}
	change := updater.Clock(func() time.Time {
		require.NoError(t, json.Unmarshal(honest.bytes(t), returned))
		return now
	})
	_, err = updater.FetchSpec(w.options(updater.DownloadMethod(d), change)...)
	require.ErrorIs(t, err, trust.ErrUnsigned)
}

// A Spec that is not verified has no URL if its path is outside the grammar.
func TestPathOutsideTheGrammarGetsNoURL(t *testing.T) {
	w := newWorld(t)
	r := newRelease(t, "1.2.3", []byte(newContent))
	r.doc.Binary = "../../../elsewhere"
	r.artifact = nil
	w.publish("1.2.3", r)
	d := &updater.HTTPDownloader{}
	_, err := updater.New(w.options(updater.DownloadMethod(d))...)
	require.NoError(t, err)
	spec, err := d.FetchSpec()
	require.NoError(t, err)
	require.Nil(t, spec.BinaryURI)
}

// A downloader that keeps its Spec cannot change the one that FetchSpec returned (T13).
func TestReturnedSpecIsNotTheOneOfTheDownloader(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	var kept *updater.Spec
	d := &directory{dir: w.repo}
	d.fetchSpec = func() (*updater.Spec, error) {
		document, err := os.ReadFile(filepath.Join(w.repo, "1.2.3", "linux", "amd64", "release.json"))
		require.NoError(t, err)
		kept, err = updater.ParseSpec(document)
		return kept, err
	}
	spec, err := updater.FetchSpec(w.options(updater.DownloadMethod(d))...)
	require.NoError(t, err)
	verified := *spec
	kept.BinaryPath, kept.Sha256Hash = "x", "x"
	require.Equal(t, verified, *spec)
}

func TestContextOfADownloaderEndsWithItsCall(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, true)
	d := &directory{dir: w.repo}
	d.fetch = func(_ *updater.Spec, target string) error {
		require.Equal(t, true, d.config.Context().Value(key{}))
		return os.WriteFile(target, []byte(newContent), 0o600)
	}
	u, err := updater.New(w.options(updater.DownloadMethod(d))...)
	require.NoError(t, err)
	_, err = u.Apply(ctx)
	require.NoError(t, err)
	require.Nil(t, d.config.Context().Value(key{}))
}

// With mirrors, a downloader that embeds ours skips a document that does not verify.
func TestEmbeddedDownloaderAsksTheNextMirror(t *testing.T) {
	w, bad := newWorld(t), newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	r := newRelease(t, "1.2.3", []byte("another program"))
	r.signers[0] = testKey(2)
	bad.publish("1.2.3", r)
	require.NoError(t, updater.Apply(w.options(
		updater.DownloadMethod(&spy{}), updater.SourceRepo(bad.server.URL), updater.Mirrors(w.server.URL),
	)...))
	w.holds(newContent)
}

// A Spec cannot claim to be verified: a downloader that is called directly performs
// the same checks.
func TestHTTPDownloaderVerifiesOnItsOwn(t *testing.T) {
	w := newWorld(t)
	r := newRelease(t, "1.2.3", []byte(newContent))
	w.publish("1.2.3", r)
	d := &updater.HTTPDownloader{}
	_, err := updater.New(w.options(updater.DownloadMethod(d))...)
	require.NoError(t, err)
	target := filepath.Join(t.TempDir(), "staged")

	spec, err := d.FetchSpec()
	require.NoError(t, err)
	require.Equal(t, w.server.URL+"/1.2.3/linux/amd64/"+r.doc.Binary, spec.BinaryURI.String())
	require.NoError(t, d.FetchBinary(spec, target))
	got, err := os.ReadFile(target)
	require.NoError(t, err)
	require.Equal(t, newContent, string(got))
	info, err := os.Stat(target)
	require.NoError(t, err)
	require.Zero(t, info.Mode()&0o111, "not executable before it is installed")

	require.ErrorIs(t, d.FetchBinary(spec, target), os.ErrExist, "never writes through what is there")
	require.NoError(t, os.Remove(target))

	forged, err := updater.ParseSpec(fmt.Appendf(nil, `{"binary":%q,"hash":%q}`, r.doc.Binary, r.doc.Hash))
	require.NoError(t, err)
	require.ErrorIs(t, d.FetchBinary(forged, target), trust.ErrUnsigned)
	require.NoFileExists(t, target)

	require.Error(t, (&updater.HTTPDownloader{}).FetchBinary(spec, target), "not configured")
	_, err = (&updater.HTTPDownloader{}).FetchSpec()
	require.Error(t, err, "not configured")
}

// Beside a target of the caller's choice the artifact has a random name. A link that
// an attacker planted there is not followed.
func TestArtifactIsNeverWrittenThroughALink(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
	var seen []string
	w.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		names, _ := filepath.Glob(filepath.Join(dir, "stage-*"))
		seen = append(seen, names...)
		next.ServeHTTP(rw, r)
	}
	d := &updater.HTTPDownloader{}
	_, err := updater.New(w.options(updater.DownloadMethod(d))...)
	require.NoError(t, err)
	spec, err := d.FetchSpec()
	require.NoError(t, err)

	target := filepath.Join(dir, "staged")
	cryptotest.SetGlobalRandom(t, 1)
	require.NoError(t, d.FetchBinary(spec, target))
	require.Len(t, seen, 1)
	require.NoError(t, os.Remove(target))

	symlink(t, victim, seen[0])
	cryptotest.SetGlobalRandom(t, 1) // the same name again
	require.ErrorIs(t, d.FetchBinary(spec, target), os.ErrExist)
	require.NoFileExists(t, target)
	content, err := os.ReadFile(victim)
	require.NoError(t, err)
	require.Equal(t, "precious", string(content))
	require.FileExists(t, seen[0], "a file that we did not make stays")
}

func TestFetchSpecReturnsOnlyWhatWasVerified(t *testing.T) {
	w := newWorld(t)
	r := newRelease(t, "1.2.3", []byte(newContent))
	w.publish("1.2.3", r)
	spec, err := updater.FetchSpec(w.options()...)
	require.NoError(t, err)
	require.Equal(t, r.doc.Hash, spec.Sha256Hash)
	require.Equal(t, r.doc.Binary, spec.BinaryPath)
	require.NotEmpty(t, spec.Signature)

	// A "uri" in the document is ignored.
	r.fields = func(f map[string]any) { f["uri"] = "http://elsewhere.example.net/" }
	w.publish("1.2.3", r)
	spec, err = updater.FetchSpec(w.options()...)
	require.NoError(t, err)
	require.Equal(t, w.server.URL+"/1.2.3/linux/amd64/"+r.doc.Binary, spec.BinaryURI.String())

	r.signers[0] = testKey(9)
	w.publish("1.2.3", r)
	spec, err = updater.FetchSpec(w.options()...)
	require.ErrorIs(t, err, trust.ErrSignature)
	require.Nil(t, spec)
}

func TestParseSpecKeepsItsLimit(t *testing.T) {
	padded := append([]byte("{}"), bytes.Repeat([]byte(" "), trust.MaxDocument-2)...)
	_, err := updater.ParseSpec(padded)
	require.NoError(t, err)
	_, err = updater.ParseSpec(append(padded, ' '))
	require.ErrorIs(t, err, trust.ErrMalformed)
	_, err = updater.ParseSpec([]byte("{"))
	require.ErrorIs(t, err, trust.ErrMalformed)
}

// Apply hashes the file on disk in any case. The downloader does not rely on that: on
// an error it leaves nothing behind.
func TestHTTPDownloaderLeavesNothingBehind(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(r *release)
		want   error
	}{
		"artifact is another":    {func(r *release) { r.artifact[len(r.artifact)/2] ^= 1 }, updater.ErrHash},
		"artifact is cut":        {func(r *release) { r.artifact = r.artifact[1:] }, updater.ErrHash},
		"binary is another":      {func(r *release) { r.doc.Hash = sum(nil) }, updater.ErrHash},
		"binary is longer":       {func(r *release) { r.doc.Size-- }, updater.ErrHash},
		"artifact is not served": {func(r *release) { r.artifact = nil }, updater.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := newRelease(t, "1.2.3", []byte(newContent))
			tc.change(r)
			w.publish("1.2.3", r)
			d := &updater.HTTPDownloader{}
			_, err := updater.New(w.options(updater.DownloadMethod(d))...)
			require.NoError(t, err)
			spec, err := d.FetchSpec()
			require.NoError(t, err)
			dir := t.TempDir()
			require.ErrorIs(t, d.FetchBinary(spec, filepath.Join(dir, "staged")), tc.want)
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// spy is an HTTPDownloader that reports how FetchBinary ended.
type spy struct {
	updater.HTTPDownloader
	err error
}

func (s *spy) FetchBinary(spec *updater.Spec, target string) error {
	s.err = s.HTTPDownloader.FetchBinary(spec, target)
	return s.err
}

func TestDecompressionCanBeCancelled(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", bytes.Repeat([]byte(newContent), 1<<14)))
	before := w.snapshot()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := &spy{}
	u, err := updater.New(w.options(updater.DownloadMethod(d), updater.Progress(func(p updater.ProgressReport) {
		if p.Phase == updater.PhaseUnpack {
			cancel()
		}
	}))...)
	require.NoError(t, err)
	_, err = u.Apply(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, d.err, context.Canceled)
	require.Equal(t, before, w.snapshot())
}

func TestCancelledUpdateIsNotSwappedIn(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	before := w.snapshot()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := &directory{dir: w.repo}
	d.fetch = func(_ *updater.Spec, target string) error {
		cancel() // and goes on
		return os.WriteFile(target, []byte(newContent), 0o600)
	}
	u, err := updater.New(w.options(updater.DownloadMethod(d))...)
	require.NoError(t, err)
	_, err = u.Apply(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, before, w.snapshot())
}

// In v0.1.0 a program could configure the downloader itself.
func TestHTTPDownloaderWorksWithAHandMadeConfig(t *testing.T) {
	w := newWorld(t)
	r := newRelease(t, "1.2.3", []byte(newContent))
	r.doc.Released, r.doc.Expires = time.Now().UTC().Add(-time.Hour).Truncate(time.Second), time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	w.publish("1.2.3", r)
	d := &updater.HTTPDownloader{}
	c := &updater.Config{}
	require.NoError(t, d.Configure(c), "before it is filled in")
	c.SourceRepo, c.Version, c.OperatingSystem, c.Architecture, c.TargetFile = w.server.URL+"/", "1.2.3", "linux", "amd64", w.target
	target := filepath.Join(t.TempDir(), "staged")
	spec, err := d.FetchSpec()
	require.NoError(t, err)
	require.ErrorIs(t, d.FetchBinary(spec, target), updater.ErrNoPublicKey)
	c.PublicKey = public(testKey(1))
	require.NoError(t, d.FetchBinary(spec, target))
}

// Options are functions of a Config. A downloader gets a copy of it, so that it cannot
// change which keys are trusted.
func TestDownloaderCannotChangeTheTrustedKeys(t *testing.T) {
	w := newWorld(t)
	r := newRelease(t, "1.2.3", []byte(newContent))
	r.signers = nil
	w.publish("1.2.3", r)
	d := &directory{dir: w.repo, binary: []byte(newContent)}
	d.fetchSpec = func() (*updater.Spec, error) {
		clear(d.config.PublicKey)
		d.config.PublicKey = nil
		d.config.CurrentVersion = ""
		require.NoError(t, updater.InsecureAllowUnsigned()(d.config))
		d.fetchSpec = nil
		return d.FetchSpec()
	}
	w.refuses(trust.ErrUnsigned, updater.DownloadMethod(d))
}

func TestPanicInConfigureIsAnError(t *testing.T) {
	w := newWorld(t)
	w.refuses(updater.ErrConfig, updater.DownloadMethod(panicking{}))
}

type panicking struct{ updater.Downloader }

func (panicking) Configure(*updater.Config) error { panic("boom") }

// FetchSpec of v0.1.0 needed no target.
func TestFetchSpecNeedsNoTarget(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	_, err := updater.FetchSpec(w.options(updater.TargetFile(w.target + ".absent"))...)
	require.NoError(t, err)
}
