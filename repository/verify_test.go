// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/trust"
)

func TestVerifyFindsFaults(t *testing.T) {
	type spoil = func(t *testing.T, dir string)
	file := func(name string, f func([]byte) []byte) spoil {
		return func(t *testing.T, dir string) { rewrite(t, filepath.Join(dir, linuxDir, name), f) }
	}
	artifact := func(f func([]byte) []byte) spoil { return file("choria-linux-amd64-1.2.3.bz2", f) }
	document := func(f func([]byte) []byte) spoil { return file(layout.DocumentName, f) }
	signed := func(f func(*trust.Release)) spoil {
		return func(t *testing.T, dir string) { resign(t, dir, f) }
	}
	zeros := strings.Repeat("0", 64)
	for name, tc := range map[string]struct {
		spoil spoil
		want  error
	}{
		"artifact flipped":      {artifact(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), ErrHash},
		"artifact longer":       {artifact(func(b []byte) []byte { return append(b, 0) }), ErrHash},
		"artifact shorter":      {artifact(func(b []byte) []byte { return b[:len(b)-1] }), ErrHash},
		"artifact missing":      {removeArtifact, ErrMissing},
		"artifact a directory":  {makeArtifactDirectory, ErrMissing},
		"document flipped":      {document(renameProduct), trust.ErrSignature},
		"document unsigned":     {document(removeSignature), trust.ErrUnsigned},
		"document of v0.1.0":    {func(t *testing.T, dir string) { legacy(t, dir, "linux/amd64") }, trust.ErrUnsigned},
		"document too long":     {document(func(b []byte) []byte { return append(b, bytes.Repeat([]byte(" "), trust.MaxDocument)...) }), trust.ErrMalformed},
		"another platform":      {copyDocumentOfWindows, trust.ErrMismatch},
		"another version":       {signed(func(r *trust.Release) { r.Version = "1.2.2" }), trust.ErrMismatch},
		"expired":               {signed(func(r *trust.Release) { r.Released, r.Expires = now.AddDate(-1, 0, 0), now }), trust.ErrExpired},
		"another size":          {signed(func(r *trust.Release) { r.Size++ }), codec.ErrSize},
		"another binary":        {signed(func(r *trust.Release) { r.Hash = zeros }), ErrHash},
		"another artifact":      {signed(func(r *trust.Release) { r.Artifacts[0].Hash = zeros }), ErrHash},
		"artifact size too low": {signed(func(r *trust.Release) { r.Artifacts[0].Size-- }), ErrHash},
		"artifact size too big": {signed(func(r *trust.Release) { r.Artifacts[0].Size++ }), ErrHash},
		"unknown encoding":      {signed(func(r *trust.Release) { r.Artifacts[0].Encoding = "xz" }), ErrNoArtifact},
		"wrong encoding":        {signed(func(r *trust.Release) { r.Artifacts[0].Encoding = codec.None }), ErrHash},
	} {
		t.Run(name, func(t *testing.T) {
			dir, r := published(t)
			tc.spoil(t, dir)
			report := verifyAll(t, r)
			require.False(t, report.OK())
			require.Len(t, report.Releases, 2)
			require.Len(t, report.Releases[0].Faults, 1)
			fault := report.Releases[0].Faults[0]
			require.ErrorIs(t, fault.Err, tc.want)
			require.NotEqual(t, "error", fault.Check)
			require.Empty(t, report.Releases[1].Faults, "the other platform has no fault")
			if name != "artifact a directory" { // a web server serves a page
				requireSameFaultAtURL(t, dir, fault)
			}
		})
	}
}

func requireSameFaultAtURL(t *testing.T, dir string, fault Fault) {
	t.Helper()
	_, key := seeded(t, 1)
	report, err := VerifyURL(t.Context(), serve(t, dir), VerifyRequest{
		Policy: policy(t, 1, key), Now: now, Filter: Filter{Version: "1.2.3", OS: "linux", Arch: "amd64"},
	})
	require.NoError(t, err)
	require.Equal(t, fault.Check, report.Releases[0].Faults[0].Check)
}

func removeArtifact(t *testing.T, dir string) {
	require.NoError(t, os.Remove(filepath.Join(dir, linuxDir, "choria-linux-amd64-1.2.3.bz2")))
}

func makeArtifactDirectory(t *testing.T, dir string) {
	removeArtifact(t, dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, linuxDir, "choria-linux-amd64-1.2.3.bz2"), 0o755))
}

func renameProduct(document []byte) []byte {
	return bytes.Replace(document, []byte(`"name": "choria"`), []byte(`"name": "chorib"`), 1)
}

func removeSignature(document []byte) []byte {
	return bytes.Replace(document, []byte(`"signature"`), []byte(`"removed"`), 1)
}

func copyDocumentOfWindows(t *testing.T, dir string) {
	raw, err := os.ReadFile(filepath.Join(dir, "1.2.3/windows/arm64", layout.DocumentName))
	require.NoError(t, err)
	rewrite(t, filepath.Join(dir, linuxDir, layout.DocumentName), func([]byte) []byte { return raw })
}

// Clients may set Product and MaxSize.
func TestVerifyAsOtherClients(t *testing.T) {
	require.EqualValues(t, updater.DefaultMaxSize, defaultMaxSize)
	sizes := func(size, artifact int64) func(*trust.Release) {
		return func(r *trust.Release) {
			r.Size = max(r.Size, size)
			for i := range r.Artifacts {
				r.Artifacts[i].Size = max(r.Artifacts[i].Size, artifact)
			}
		}
	}
	legacyToo := func(r *VerifyRequest) { r.MaxSize, r.InsecureUnsigned = 1, true }
	for name, tc := range map[string]struct {
		ask    func(*VerifyRequest)
		spoil  func(*trust.Release)
		legacy bool
		want   error
	}{
		"same product":                     {ask: func(r *VerifyRequest) { r.Name = "choria" }},
		"another product":                  {ask: func(r *VerifyRequest) { r.Name = "choria2" }, want: trust.ErrMismatch},
		"a larger MaxSize":                 {ask: func(r *VerifyRequest) { r.MaxSize = 1 << 20 }},
		"a smaller MaxSize":                {ask: func(r *VerifyRequest) { r.MaxSize = 1 }, want: ErrTooLarge},
		"as large as the default":          {spoil: sizes(defaultMaxSize, 0), want: codec.ErrSize},
		"larger than the default":          {spoil: sizes(defaultMaxSize+1, 0), want: ErrTooLarge},
		"larger, with a larger MaxSize":    {spoil: sizes(defaultMaxSize+1, 0), ask: func(r *VerifyRequest) { r.MaxSize = 2 << 30 }, want: codec.ErrSize},
		"artifact as large as the default": {spoil: sizes(0, defaultMaxSize), want: ErrHash},
		"all artifacts larger":             {spoil: sizes(0, defaultMaxSize+1), want: ErrTooLarge},
		"one artifact larger": {spoil: func(r *trust.Release) {
			more := r.Artifacts[0]
			more.Path, more.Size = "elsewhere.bz2", defaultMaxSize+1
			r.Artifacts = append(r.Artifacts, more)
		}, want: ErrMissing},
		"of v0.1.0": {ask: legacyToo, legacy: true, want: ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			dir, r := published(t)
			_, key := seeded(t, 1)
			if tc.spoil != nil {
				resign(t, dir, tc.spoil)
			}
			if tc.legacy {
				legacy(t, dir)
			}
			req := VerifyRequest{Policy: policy(t, 1, key), Now: now, Filter: Filter{OS: "linux"}}
			if tc.ask != nil {
				tc.ask(&req)
			}
			report, err := r.Verify(t.Context(), req)
			require.NoError(t, err)
			if tc.want == nil {
				require.True(t, report.OK(), "%+v", report)
				return
			}
			require.Len(t, report.Releases[0].Faults, 1)
			require.ErrorIs(t, report.Releases[0].Faults[0].Err, tc.want)
			require.NotEqual(t, "error", report.Releases[0].Faults[0].Check)
		})
	}
}

// A program that does not compress has an artifact that is larger than itself.
func TestVerifyComparesArtifactOfV010WithMaxSize(t *testing.T) {
	random := make([]byte, 10_000)
	_, _ = rand.New(rand.NewSource(1)).Read(random)
	file := filepath.Join(t.TempDir(), "choria")
	require.NoError(t, os.WriteFile(file, random, 0o755))
	dir := t.TempDir()
	r := create(t, dir)
	add := request(t, 1)
	add.Files = []File{{"linux", "amd64", file}}
	_, err := r.Add(t.Context(), add)
	require.NoError(t, err)
	legacy(t, dir, "linux/amd64")
	for limit, want := range map[int64]error{10_000: ErrTooLarge, 20_000: nil} {
		report, err := r.Verify(t.Context(), VerifyRequest{Now: now, MaxSize: limit, InsecureUnsigned: true})
		require.NoError(t, err)
		require.Equal(t, want == nil, report.OK(), limit)
		if want != nil {
			require.ErrorIs(t, report.Releases[0].Faults[0].Err, want)
		}
	}
}

// A release with a wrong signature was changed; it is not an unsigned one.
func TestVerifyUnsignedRefusesWrongSignature(t *testing.T) {
	dir, r := published(t)
	rewrite(t, filepath.Join(dir, linuxDir, layout.DocumentName), renameProduct)
	_, key := seeded(t, 1)
	report, err := r.Verify(t.Context(), VerifyRequest{Policy: policy(t, 1, key), InsecureUnsigned: true, Now: now})
	require.NoError(t, err)
	require.False(t, report.OK())
	require.ErrorIs(t, report.Releases[0].Faults[0].Err, trust.ErrSignature)
}

func TestVerifyWarns(t *testing.T) {
	dir, r := published(t)
	for _, stray := range []string{linuxDir + "notes.txt", "1.2.3/darwin/arm64/half.bz2", ".update-repo-00/x", "channels/stable.json", "index.html", "docs/a/b/c"} {
		name := filepath.Join(dir, stray)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte("x"), 0o644))
	}
	resign(t, dir, func(r *trust.Release) {
		r.Expires = now.AddDate(0, 0, 29)
		later := r.Artifacts[0]
		later.Path, later.Encoding = "choria.xz", "xz"
		r.Artifacts = append(r.Artifacts, later)
	})
	require.NoError(t, os.Link(filepath.Join(dir, linuxDir, "choria-linux-amd64-1.2.3.bz2"), filepath.Join(dir, linuxDir, "choria.xz")))
	report := verifyAll(t, r)
	require.True(t, report.OK(), "%+v", report)
	require.Len(t, report.Warnings, 3, "%q", report.Warnings)
	require.Len(t, report.Releases[0].Warnings, 2, "%q", report.Releases[0].Warnings)
	require.Contains(t, report.Releases[0].Warnings[0], "expires in 29 days")
	require.Contains(t, report.Releases[0].Warnings[1], "\"xz\"")
	require.Empty(t, report.Releases[1].Warnings)
}

func TestVerifySelects(t *testing.T) {
	_, r := published(t)
	_, key := seeded(t, 1)
	_, other := seeded(t, 2)
	req := VerifyRequest{Policy: policy(t, 1, key), Now: now}

	req.Filter = Filter{OS: "windows"}
	report, err := r.Verify(t.Context(), req)
	require.NoError(t, err)
	require.Len(t, report.Releases, 1)
	require.Equal(t, []string{key.ID()}, report.Releases[0].Signers)

	req.Filter = Filter{Version: "1.2.4"}
	_, err = r.Verify(t.Context(), req)
	require.ErrorIs(t, err, ErrNoRelease)

	_, err = r.Verify(t.Context(), VerifyRequest{Now: now})
	require.ErrorIs(t, err, ErrRequest)
	_, err = r.Verify(t.Context(), VerifyRequest{Policy: req.Policy, Now: now, MaxSize: -1})
	require.ErrorIs(t, err, ErrRequest)

	report, err = r.Verify(t.Context(), VerifyRequest{Policy: policy(t, 2, key, other), Now: now})
	require.NoError(t, err)
	require.ErrorIs(t, report.Releases[0].Faults[0].Err, trust.ErrThreshold)
}
