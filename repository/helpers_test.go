// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"io/fs"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

const linuxDir = "1.2.3/linux/amd64/"

// seeded returns key number n.
func seeded(t testing.TB, n byte) (signature.Signer, trust.Key) {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	signer, err := signature.LoadED25519Signer(private)
	require.NoError(t, err)
	key, err := trust.NewKey(private.Public().(ed25519.PublicKey))
	require.NoError(t, err)

	return signer, key
}

func policy(t testing.TB, threshold int, keys ...trust.Key) *trust.Policy {
	t.Helper()
	p, err := trust.NewPolicy(threshold, keys...)
	require.NoError(t, err)

	return p
}

// program writes a file that depends on the seed and compresses a little.
func program(t testing.TB, seed int64) string {
	t.Helper()
	random := make([]byte, 4<<10)
	_, _ = rand.New(rand.NewSource(seed)).Read(random)
	file := filepath.Join(t.TempDir(), "choria")
	require.NoError(t, os.WriteFile(file, bytes.Repeat(random, 8), 0o755))

	return file
}

func create(t testing.TB, dir string) *Repository {
	t.Helper()
	r, err := Create(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })

	return r
}

// stepwise opens a repository that works on one file at a time, so that its steps
// come in the same order each time.
func stepwise(t *testing.T, dir string) *Repository {
	t.Helper()
	was := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(was) })
	r := create(t, dir)
	r.flush = func(*os.File) error { return nil }

	return r
}

// request returns a valid request for two platforms.
func request(t testing.TB, seed int64) AddRequest {
	t.Helper()
	signer, _ := seeded(t, 1)

	return AddRequest{
		Files: []File{{"linux", "amd64", program(t, seed)}, {"windows", "arm64", program(t, seed+1)}},
		Name:  "choria", Version: "1.2.3", Now: now, Expires: now.AddDate(1, 0, 0), Signer: signer,
		Encodings: []string{codec.Bzip2}, // the fastest for small files
	}
}

func published(t testing.TB) (string, *Repository) {
	t.Helper()
	dir := t.TempDir()
	r := create(t, dir)
	_, err := r.Add(t.Context(), request(t, 1))
	require.NoError(t, err)

	return dir, r
}

// similar returns a request whose binaries differ little from those of any other
// version.
func similar(t testing.TB, version string) AddRequest {
	t.Helper()
	req := request(t, 1)
	req.Version = version
	for i := range req.Files {
		data := make([]byte, 8<<10)
		_, _ = rand.New(rand.NewSource(int64(i))).Read(data)
		copy(data[3000:], version)
		require.NoError(t, os.WriteFile(req.Files[i].Path, data, 0o755))
	}

	return req
}

func withVersions(t testing.TB, versions ...string) (string, *Repository) {
	t.Helper()
	dir := t.TempDir()
	r := create(t, dir)
	for _, v := range versions {
		_, err := r.Add(t.Context(), similar(t, v))
		require.NoError(t, err)
	}

	return dir, r
}

// compressedFile compresses a file in an encoding.
func compressedFile(t testing.TB, file, name string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	i := slices.IndexFunc(encodings, func(e encoding) bool { return e.name == name })
	var b bytes.Buffer
	w, err := encodings[i].newWriter(&b, 1)
	require.NoError(t, err)
	_, err = w.Write(raw)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	out := filepath.Join(t.TempDir(), "compressed"+encodings[i].suffix)
	require.NoError(t, os.WriteFile(out, b.Bytes(), 0o644))

	return out
}

// legacy replaces published documents by those of v0.1.0.
func legacy(t *testing.T, dir string, platforms ...string) {
	t.Helper()
	if platforms == nil {
		platforms = []string{"linux/amd64", "windows/arm64"}
	}
	for _, platform := range platforms {
		file := filepath.Join(dir, "1.2.3", platform, layout.DocumentName)
		rewrite(t, file, func(raw []byte) []byte {
			_, rest, ok := strings.Cut(string(raw), `"hash": "`)
			require.True(t, ok)
			return []byte(`{"binary":"choria-` + strings.ReplaceAll(platform, "/", "-") + `-1.2.3.bz2","hash":"` + rest[:64] + `"}`)
		})
	}
}

// resign changes the published document of linux/amd64 and signs it with the
// trusted key, like a publisher who makes a mistake.
func resign(t *testing.T, dir string, f func(*trust.Release)) {
	t.Helper()
	signer, _ := seeded(t, 1)
	rewrite(t, filepath.Join(dir, linuxDir, layout.DocumentName), func(raw []byte) []byte {
		var r trust.Release
		require.NoError(t, json.Unmarshal(raw, &r))
		f(&r)
		document, err := signing.FormatRelease(&r)
		require.NoError(t, err)
		document, err = signing.Sign(t.Context(), document, signer)
		require.NoError(t, err)
		return document
	})
}

func rewrite(t *testing.T, file string, f func([]byte) []byte) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, f(raw), 0o644))
}

// tree returns every file below a directory with its content, and the directories.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			out[name+"/"] = ""
			return nil
		}
		raw, err := os.ReadFile(p)
		out[name] = string(raw)
		return err
	}))

	return out
}

func names(files map[string]string) []string {
	var out []string
	for name := range files {
		if !strings.HasSuffix(name, "/") {
			out = append(out, name)
		}
	}

	return out
}

// plant writes what tree returned.
func plant(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for name, content := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
		if !strings.HasSuffix(name, "/") {
			require.NoError(t, os.WriteFile(full, []byte(content), 0o644))
		}
	}
}

func patches(p Published) (paths []string) {
	for _, a := range p.Artifacts {
		if a.From != "" {
			paths = append(paths, strings.TrimPrefix(a.Path, "choria-linux-amd64-"))
		}
	}

	return paths
}

func verifyAll(t testing.TB, r *Repository) *Report {
	t.Helper()
	_, key := seeded(t, 1)
	report, err := r.Verify(t.Context(), VerifyRequest{Policy: policy(t, 1, key), Now: now})
	require.NoError(t, err)

	return report
}

// flip changes one bit in the middle of a file.
func flip(t *testing.T, file string) {
	t.Helper()
	rewrite(t, file, func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
}

func serve(t *testing.T, dir string) *url.URL {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)

	return parseURL(t, server.URL)
}

func parseURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := layout.ParseURL(s)
	require.NoError(t, err)

	return u
}
