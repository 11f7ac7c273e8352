// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/trust"
)

// A downloader, or a cache in front of it, may pass a Spec on as JSON. The signed
// document must survive that.
func TestSpecSurvivesJSON(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(s *updater.Spec)
		ok     bool
	}{
		{"as it was read", func(*updater.Spec) {}, true},
		{"with an address", func(s *updater.Spec) { s.BinaryURI = &url.URL{Scheme: "https", Host: "elsewhere.example.net"} }, true},
		{"with another path", func(s *updater.Spec) { s.BinaryPath += "x" }, false},
		{"with another hash", func(s *updater.Spec) { s.Sha256Hash = sum([]byte("another program")) }, false},
		{"with another signature", func(s *updater.Spec) { s.Signature = "" }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			r := newRelease(t, "1.2.3", []byte(newContent))
			r.fields = func(f map[string]any) { f["note"] = "what encoding/json escapes: <&>\u2028" }
			w.publish("1.2.3", r)
			d := &directory{dir: w.repo, binary: []byte(newContent)}
			d.fetchSpec = func() (*updater.Spec, error) {
				d.fetchSpec = nil
				spec, err := d.FetchSpec()
				require.NoError(t, err)
				tc.change(spec)
				cached, err := json.Marshal(map[string]any{"spec": *spec})
				if err != nil {
					return nil, err
				}
				require.NotContains(t, string(cached), "elsewhere")
				var read struct {
					Spec *updater.Spec `json:"spec"`
				}
				return read.Spec, json.Unmarshal(cached, &read)
			}
			err := updater.Apply(w.options(updater.DownloadMethod(d))...)
			if tc.ok {
				require.NoError(t, err)
				w.holds(newContent)
				return
			}
			require.ErrorContains(t, err, "not what its document says")
			w.holds(oldContent)
		})
	}
}

// A Spec without a document is written as in v0.1.0. It is not signed.
func TestSpecWithoutDocumentIsUnsignedAfterJSON(t *testing.T) {
	w := newWorld(t)
	binary := []byte(newContent)
	r := newRelease(t, "1.2.3", binary)
	w.publish("1.2.3", r)
	uri := &url.URL{Scheme: "https", Host: "elsewhere.example.net", User: url.UserPassword("user", "hunter2")}
	raw, err := json.Marshal(&updater.Spec{BinaryPath: r.doc.Binary, BinaryURI: uri, Sha256Hash: sum(binary), Signature: "eA=="})
	require.NoError(t, err)
	require.NotContains(t, string(raw), "hunter2")
	var fields struct {
		Binary, Hash, Signature string
		URI                     *url.URL
	}
	require.NoError(t, json.Unmarshal(raw, &fields))
	require.Equal(t, []string{r.doc.Binary, sum(binary), "eA=="}, []string{fields.Binary, fields.Hash, fields.Signature})
	require.Equal(t, uri.Host, fields.URI.Host)

	d := &directory{binary: binary}
	d.fetchSpec = func() (*updater.Spec, error) { return updater.ParseSpec(raw) }
	w.refuses(trust.ErrSignature, updater.DownloadMethod(d))
	unsigned := w.options(updater.DownloadMethod(d), noKey, updater.InsecureAllowUnsigned())
	spec, err := updater.FetchSpec(unsigned...)
	require.NoError(t, err)
	require.Equal(t, w.server.URL+"/1.2.3/linux/amd64/"+r.doc.Binary, spec.BinaryURI.String())

	d.fetchSpec = func() (*updater.Spec, error) {
		return &updater.Spec{BinaryPath: r.doc.Binary, Sha256Hash: sum(binary), Signature: "never verified"}, nil
	}
	spec, err = updater.FetchSpec(unsigned...)
	require.NoError(t, err)
	require.Equal(t, r.doc.Binary, spec.BinaryPath)
	require.Equal(t, sum(binary), spec.Sha256Hash)
	require.Empty(t, spec.Signature)
}

// FetchSpec computes its result from what was verified. The downloader gets its own URL
// back, which may be of a scheme that only it knows.
func TestSpecOfADownloaderIsComputedAnew(t *testing.T) {
	w := newWorld(t)
	r := newRelease(t, "1.2.3", []byte(newContent))
	w.publish("1.2.3", r)
	own := &url.URL{Scheme: "s3", Host: "bucket", Path: "/x"}
	var handed *updater.Spec
	lying := func() updater.Option {
		d := &directory{dir: w.repo}
		d.fetchSpec = func() (*updater.Spec, error) {
			d.fetchSpec = nil
			spec, err := d.FetchSpec()
			require.NoError(t, err)
			spec.BinaryPath, spec.BinaryURI, spec.Sha256Hash, spec.Signature = "x", own, "x", "x"
			return spec, nil
		}
		d.fetch = func(spec *updater.Spec, target string) error {
			handed = spec
			d.fetch, d.binary = nil, []byte(newContent)
			return d.FetchBinary(spec, target)
		}
		return updater.DownloadMethod(d)
	}
	var signed struct{ Signature string }
	require.NoError(t, json.Unmarshal(r.bytes(t), &signed))
	for repo, uri := range map[string]string{
		w.server.URL:                          w.server.URL + "/1.2.3/linux/amd64/" + r.doc.Binary,
		"https://repo.example.net/a":          "https://repo.example.net/a/1.2.3/linux/amd64/" + r.doc.Binary,
		"file:///srv/repo":                    "file:///srv/repo/1.2.3/linux/amd64/" + r.doc.Binary,
		"s3://bucket/for the downloader only": "",
	} {
		t.Run(repo, func(t *testing.T) {
			spec, err := updater.FetchSpec(w.options(updater.SourceRepo(repo), lying())...)
			require.NoError(t, err)
			require.Equal(t, r.doc.Binary, spec.BinaryPath)
			require.Equal(t, r.doc.Hash, spec.Sha256Hash)
			require.Equal(t, signed.Signature, spec.Signature)
			if uri == "" {
				require.Nil(t, spec.BinaryURI)
				return
			}
			require.Equal(t, uri, spec.BinaryURI.String())
		})
	}
	require.NoError(t, updater.Apply(w.options(lying())...))
	w.holds(newContent)
	require.Equal(t, signed.Signature, handed.Signature)
	require.Equal(t, r.doc.Hash, handed.Sha256Hash)
	require.Same(t, own, handed.BinaryURI)
}

// Programs for v0.1.0 pass the same options to several calls.
func TestDownloaderMayBeUsedAgain(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	for _, world := range []*world{w, other} {
		world.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	}
	for name, d := range map[string]updater.Downloader{"itself": &updater.HTTPDownloader{}, "embedded": &spy{}} {
		t.Run(name, func(t *testing.T) {
			shared := updater.DownloadMethod(d)
			_, err := updater.New(w.options(shared, updater.SourceRepo("ftp://example.net"))...)
			require.ErrorIs(t, err, updater.ErrConfig)
			for _, repo := range []string{w.server.URL, other.server.URL} {
				spec, err := updater.FetchSpec(w.options(shared, updater.SourceRepo(repo))...)
				require.NoError(t, err)
				require.Contains(t, spec.BinaryURI.String(), repo)
				require.ErrorIs(t, updater.Apply(w.options(shared, updater.PublicKey(public(testKey(9))))...), trust.ErrSignature)
			}
		})
	}
	t.Run("by two Updaters", func(t *testing.T) {
		shared := updater.DownloadMethod(&updater.HTTPDownloader{})
		first, err := updater.New(w.options(shared)...)
		require.NoError(t, err)
		_, err = updater.New(other.options(shared)...)
		require.NoError(t, err)
		asked := other.requests.Load()
		_, err = first.Check(t.Context())
		require.NoError(t, err)
		require.Equal(t, asked, other.requests.Load(), "each asks its own repository")
	})

	d := &updater.HTTPDownloader{}
	for _, world := range []*world{w, other} { // by hand, as v0.1.0 let a program do
		require.NoError(t, d.Configure(&updater.Config{SourceRepo: world.server.URL, Version: "1.2.3", OperatingSystem: "linux", Architecture: "amd64"}))
		spec, err := d.FetchSpec()
		require.NoError(t, err)
		require.Contains(t, spec.BinaryURI.String(), world.server.URL)
	}
}
