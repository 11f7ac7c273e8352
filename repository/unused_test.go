// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec"
)

func TestE8_OldFilesGo(t *testing.T) {
	c := change{func(t *testing.T, r *Repository) {
		req := request(t, 1)
		req.Encodings = []string{codec.Bzip2, codec.Gzip}
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
	}, func(ctx context.Context, t *testing.T, r *Repository) error {
		req := request(t, 1)
		req.Force = true
		_, err := r.Add(ctx, req)
		return err
	}}
	const gz = linuxDir + "choria-linux-amd64-1.2.3.gz"
	_, _, after := steps(t, c)
	want := digestsOf(after)
	for name, next := range map[string]func(t *testing.T, r *Repository) error{
		"add again": func(t *testing.T, r *Repository) error { return c.make(t.Context(), t, r) },
		"add another": func(t *testing.T, r *Repository) error {
			req := request(t, 1)
			req.Version = "1.2.4"
			_, err := r.Add(t.Context(), req)
			return err
		},
		"cosign": func(t *testing.T, r *Repository) error { _, err := cosigning(t, r); return err },
		"sign":   func(t *testing.T, r *Repository) error { return renew(t.Context(), t, r) },
		"init":   func(t *testing.T, r *Repository) error { drafted(t, r); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := killed(t, c, "remove "+gz)
			require.Contains(t, digests(t, r.dir), gz)
			require.NoError(t, next(t, r))
			got := digests(t, r.dir)
			require.NotContains(t, got, gz)
			for name := range want {
				require.Contains(t, got, name)
			}
			require.Empty(t, verifyAll(t, r).Warnings)
		})
	}
}

// Only what add made at this place and nothing names goes.
func TestE8_OtherFilesStay(t *testing.T) {
	c := adding(plainRequest)
	base := linuxDir + "choria-linux-amd64-1.2.3"
	for name, tc := range map[string]struct {
		file string
		goes bool
	}{
		"an artifact":                {base + ".zst", true},
		"one with a hash":            {base + "-0123456789ab.gz", true},
		"one that is not compressed": {base, true},
		"a patch":                    {base + "-from-1.2.2.patch", true},
		"a patch with a hash":        {base + "-0123456789ab-from-1.2.2.patch", true},
		"a file of a person":         {linuxDir + "README", false},
		"another suffix":             {base + ".tar.gz", false},
		"another version":            {linuxDir + "choria-linux-amd64-1.2.4.zst", false},
		"another platform":           {linuxDir + "choria-linux-arm64-1.2.3.zst", false},
		"no product":                 {linuxDir + "-linux-amd64-1.2.3.zst", false},
		"half a hash":                {base + "-012345.gz", false},
		"a patch from nothing":       {base + "-from-.patch", false},
		"a patch from no version":    {base + "-from-1 2.patch", false},
		"no platform":                {"1.2.3/linux/pdp11/choria-linux-pdp11-1.2.3.zst", false},
		"another place":              {"1.2.3/linux/choria-linux-amd64-1.2.3.zst", false},
		"below":                      {linuxDir + "old/choria-linux-amd64-1.2.3.zst", false},
		"the root":                   {"choria-linux-amd64-1.2.3.zst", false},
		"a copy without metadata":    {linuxDir + strings.Repeat("0", 64) + ".release.json", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := killed(t, c, "rename "+windowsDocument)
			full := filepath.Join(r.dir, tc.file)
			require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
			require.NoError(t, os.WriteFile(full, []byte(`{"binary":"x","hash":""}`), 0o644))
			require.NoError(t, c.make(t.Context(), t, r))
			if tc.goes {
				require.NoFileExists(t, full)
			} else {
				require.FileExists(t, full)
			}
		})
	}
	t.Run("the document cannot be read", func(t *testing.T) {
		r := killed(t, c, "rename "+windowsDocument)
		require.NoError(t, os.WriteFile(filepath.Join(r.dir, base+".zst"), nil, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(r.dir, linuxDocument), []byte("{"), 0o644))
		req := request(t, 1)
		req.Files = req.Files[1:]
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.FileExists(t, filepath.Join(r.dir, base+".zst"))
	})
	t.Run("a link is not followed", func(t *testing.T) {
		r := killed(t, c, "rename "+windowsDocument)
		outside, link := filepath.Join(t.TempDir(), "file"), filepath.Join(r.dir, base+".zst")
		require.NoError(t, os.WriteFile(outside, nil, 0o644))
		if err := os.Symlink(outside, link); err != nil {
			t.Skip("NOT PROVEN: ", err)
		}
		require.NoError(t, c.make(t.Context(), t, r))
		require.FileExists(t, outside)
		_, err := os.Lstat(link)
		require.NoError(t, err)
	})
	t.Run("nothing was interrupted", func(t *testing.T) {
		_, r := published(t)
		require.NoError(t, os.WriteFile(filepath.Join(r.dir, base+".zst"), nil, 0o644))
		_, err := r.Add(t.Context(), request(t, 1))
		require.NoError(t, err)
		require.FileExists(t, filepath.Join(r.dir, base+".zst"))
	})
}

// Clients that see the former state through TUF can still install it.
func TestE8_ArtifactsOfCopiesStay(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	withTUF(t, r)
	add := func(seed int64, online bool) {
		req := tufRequest(t, seed, online)
		req.Force = true
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
	}
	artifacts := func() int {
		found, err := filepath.Glob(filepath.Join(dir, linuxDir, "choria-*"))
		require.NoError(t, err)
		return len(found)
	}
	add(1, true)
	require.Equal(t, 1, artifacts())
	add(11, false) // TUF clients do not see it yet
	require.Equal(t, 2, artifacts())
	add(21, true)
	require.Equal(t, 2, artifacts(), "those of the former state and of this one")
	add(31, true)
	require.Equal(t, 2, artifacts())
	require.Empty(t, verifyAll(t, r).Warnings)

	signer, _ := seeded(t, releaseSeed)
	_, err := r.Sign(t.Context(), SignRequest{Signer: signer, Now: now, Expires: now.AddDate(2, 0, 0), Renew: true, TUF: tufWith(t, onlineSeed)})
	require.NoError(t, err)
	require.Equal(t, 1, artifacts(), "the document that named the other one is gone")
}

// If two documents name one file with different hashes, it is not known which is there,
// and neither is a reason to replace it.
func TestReferencesOfTwoDocuments(t *testing.T) {
	for name, tc := range map[string]struct{ hash, want string }{"the same": {"1", "1"}, "another": {"2", ""}} {
		t.Run(name, func(t *testing.T) {
			r := create(t, t.TempDir())
			l := Location{"1.2.3", "linux", "amd64"}
			document := func(hash string) string {
				return `{"binary":"a","artifacts":[{"path":"a","hash":"` + hash + `"}]}`
			}
			plant(t, r.dir, map[string]string{
				linuxDocument: document("1"), linuxDir + strings.Repeat("0", 64) + ".release.json": document(tc.hash),
			})
			require.Equal(t, map[string]string{"a": tc.want}, r.references(l).artifacts)
		})
	}
}
