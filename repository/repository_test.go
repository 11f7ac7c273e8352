// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"compress/bzip2"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/trust"
)

var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// seeded is a signer; n tells the keys of a test apart.
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

// program writes a file that differs with its seed and compresses a little.
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

// request is one that Add accepts.
func request(t testing.TB, seed int64) AddRequest {
	t.Helper()
	signer, _ := seeded(t, 1)

	return AddRequest{
		Files: []File{{"linux", "amd64", program(t, seed)}, {"windows", "arm64", program(t, seed+1)}},
		Name:  "choria", Version: "1.2.3", Now: now, Expires: now.AddDate(1, 0, 0), Signer: signer,
		Encodings: []string{codec.Bzip2}, // which is fast with little
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

// tree is every file below a directory and its contents; directories have none.
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

func verifyAll(t testing.TB, r *Repository) *Report {
	t.Helper()
	_, key := seeded(t, 1)
	report, err := r.Verify(t.Context(), VerifyRequest{Policy: policy(t, 1, key), Now: now})
	require.NoError(t, err)

	return report
}

func TestAdd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "repo")
	r := create(t, dir)
	req := request(t, 1)
	req.Encodings, req.Uncompressed = nil, true
	var last, total int64
	backwards := false
	req.Progress = func(done, of int64) {
		backwards = backwards || done <= last
		last, total = done, of
	}
	out, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, int64(2*8*4<<10), total)
	require.Equal(t, total, last)
	require.False(t, backwards)

	require.ElementsMatch(t, []string{
		"1.2.3/linux/amd64/release.json",
		"1.2.3/linux/amd64/choria-linux-amd64-1.2.3.bz2",
		"1.2.3/linux/amd64/choria-linux-amd64-1.2.3.zst",
		"1.2.3/linux/amd64/choria-linux-amd64-1.2.3",
		"1.2.3/windows/arm64/release.json",
		"1.2.3/windows/arm64/choria-windows-arm64-1.2.3.bz2",
		"1.2.3/windows/arm64/choria-windows-arm64-1.2.3.zst",
		"1.2.3/windows/arm64/choria-windows-arm64-1.2.3",
	}, names(tree(t, dir)))

	binary, err := os.ReadFile(req.Files[0].Path)
	require.NoError(t, err)
	sum := sha256.Sum256(binary)
	_, key := seeded(t, 1)
	require.Len(t, out, 2)
	require.Equal(t, Location{"1.2.3", "linux", "amd64"}, out[0].Location)
	require.Equal(t, hex.EncodeToString(sum[:]), out[0].Hash)
	require.Equal(t, key.ID(), out[0].Key)
	require.False(t, out[0].Replaced)
	require.Empty(t, out[0].Warnings)

	report := verifyAll(t, r)
	require.True(t, report.OK(), "%+v", report)
	require.Len(t, report.Releases, 2)
	require.Empty(t, report.Warnings)

	t.Run("a client of v0.1.0 finds what it looks for", func(t *testing.T) {
		base := filepath.Join(dir, "1.2.3", "linux", "amd64")
		raw, err := os.ReadFile(filepath.Join(base, "release.json"))
		require.NoError(t, err)
		var spec struct {
			Binary string `json:"binary"`
			Hash   string `json:"hash"`
		}
		require.NoError(t, json.Unmarshal(raw, &spec))
		f, err := os.Open(filepath.Join(base, spec.Binary))
		require.NoError(t, err)
		defer f.Close()
		got, err := io.ReadAll(bzip2.NewReader(f))
		require.NoError(t, err)
		require.Equal(t, binary, got)
		require.Equal(t, hex.EncodeToString(sum[:]), spec.Hash)
	})

	t.Run("the same again makes the same bytes", func(t *testing.T) {
		other := t.TempDir()
		_, err := create(t, other).Add(t.Context(), silent(req))
		require.NoError(t, err)
		require.Equal(t, tree(t, dir), tree(t, other))
	})
}

func silent(req AddRequest) AddRequest {
	req.Progress = nil

	return req
}

func TestAddUnsigned(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	req := request(t, 1)
	req.Signer, req.InsecureUnsigned = nil, true
	out, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	require.Empty(t, out[0].Key)
	raw := tree(t, dir)["1.2.3/linux/amd64/release.json"]
	require.NotContains(t, raw, `"signature"`)

	_, key := seeded(t, 1)
	report, err := r.Verify(t.Context(), VerifyRequest{Policy: policy(t, 1, key), Now: now})
	require.NoError(t, err)
	require.ErrorIs(t, report.Releases[0].Faults[0].Err, trust.ErrUnsigned)
	report, err = r.Verify(t.Context(), VerifyRequest{InsecureUnsigned: true, Now: now})
	require.NoError(t, err)
	require.True(t, report.OK())
}

func TestAddForce(t *testing.T) {
	dir, r := published(t)
	before := tree(t, dir)

	t.Run("a published release stays", func(t *testing.T) {
		_, err := r.Add(t.Context(), request(t, 10))
		require.ErrorIs(t, err, ErrExists)
		require.Equal(t, before, tree(t, dir))
	})

	t.Run("one published platform is enough", func(t *testing.T) {
		req := request(t, 10)
		req.Files[0].OS = "darwin"
		_, err := r.Add(t.Context(), req)
		require.ErrorIs(t, err, ErrExists)
		require.Equal(t, before, tree(t, dir))
	})

	t.Run("the same bytes keep their name", func(t *testing.T) {
		req := request(t, 1)
		req.Force = true
		out, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.True(t, out[0].Replaced)
		require.Equal(t, before, tree(t, dir))
	})

	t.Run("other bytes get a name of their own", func(t *testing.T) {
		req := request(t, 10)
		req.Force = true
		out, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		a := out[0].Artifacts[0]
		require.Equal(t, "choria-linux-amd64-1.2.3-"+a.Hash[:12]+".bz2", a.Path)
		after := tree(t, dir)
		require.Contains(t, after, "1.2.3/linux/amd64/"+a.Path)
		require.NotContains(t, after, "1.2.3/linux/amd64/choria-linux-amd64-1.2.3.bz2", "the old artifact is gone")
		require.Len(t, names(after), 4)
		report := verifyAll(t, r)
		require.True(t, report.OK())
		require.Empty(t, report.Warnings)
	})

	t.Run("and the plain name is free again", func(t *testing.T) {
		req := request(t, 1)
		req.Force = true
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, before, tree(t, dir))
	})

	t.Run("a damaged artifact is repaired", func(t *testing.T) {
		name := filepath.Join(dir, "1.2.3", "linux", "amd64", "choria-linux-amd64-1.2.3.bz2")
		require.NoError(t, os.WriteFile(name, []byte("damaged"), 0o644))
		req := request(t, 1)
		req.Force = true
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, before, tree(t, dir))
	})

	t.Run("what nobody can read may name anything", func(t *testing.T) {
		document := filepath.Join(dir, "1.2.3", "linux", "amd64", "release.json")
		require.NoError(t, os.WriteFile(document, []byte("{"), 0o644))
		req := request(t, 10)
		req.Force = true
		out, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.Contains(t, out[0].Artifacts[0].Path, out[0].Artifacts[0].Hash[:12])
		require.Contains(t, tree(t, dir), "1.2.3/linux/amd64/choria-linux-amd64-1.2.3.bz2")
		require.Len(t, verifyAll(t, r).Warnings, 1, "the old artifact is left to a person")
	})
}

func TestAddOverLeftovers(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	at := filepath.Join(dir, "1.2.3", "linux", "amd64")
	require.NoError(t, os.MkdirAll(at, 0o755))
	// What a killed publish leaves: an artifact that no document names, and
	// the private directory with its lock.
	require.NoError(t, os.WriteFile(filepath.Join(at, "choria-linux-amd64-1.2.3.bz2"), []byte("half"), 0o644))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".update-repo-0123456789abcdef"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".update-repo-0123456789abcdef", "0.bz2"), []byte("half"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".update-repo-lock"), nil, 0o600))

	_, err := r.Add(t.Context(), request(t, 1))
	require.NoError(t, err)
	require.Len(t, names(tree(t, dir)), 4)
	report := verifyAll(t, r)
	require.True(t, report.OK())
	require.Empty(t, report.Warnings)
}
