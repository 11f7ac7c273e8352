// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"compress/bzip2"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/trust"
)

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

	t.Run("the same input makes the same files", func(t *testing.T) {
		other := t.TempDir()
		req.Progress = nil
		_, err := create(t, other).Add(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, tree(t, dir), tree(t, other))
	})
}

func TestClientsOfV010CanInstall(t *testing.T) {
	dir := t.TempDir()
	req := request(t, 1)
	_, err := create(t, dir).Add(t.Context(), req)
	require.NoError(t, err)
	binary, err := os.ReadFile(req.Files[0].Path)
	require.NoError(t, err)
	sum := sha256.Sum256(binary)

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

	t.Run("without it, a published release does not change", func(t *testing.T) {
		_, err := r.Add(t.Context(), request(t, 10))
		require.ErrorIs(t, err, ErrExists)
		require.Equal(t, before, tree(t, dir))
	})

	t.Run("without it, one published platform is too many", func(t *testing.T) {
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

	t.Run("other bytes get another name", func(t *testing.T) {
		req := request(t, 10)
		req.Force = true
		out, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		a := out[0].Artifacts[0]
		require.Equal(t, "choria-linux-amd64-1.2.3-"+a.Hash[:12]+".bz2", a.Path)
		after := tree(t, dir)
		require.Contains(t, after, "1.2.3/linux/amd64/"+a.Path)
		require.NotContains(t, after, "1.2.3/linux/amd64/choria-linux-amd64-1.2.3.bz2", "the old artifact is removed")
		require.Len(t, names(after), 4)
		report := verifyAll(t, r)
		require.True(t, report.OK())
		require.Empty(t, report.Warnings)
	})

	t.Run("the name without a hash is used again", func(t *testing.T) {
		req := request(t, 1)
		req.Force = true
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, before, tree(t, dir))
	})
}

func TestAddForceRepairs(t *testing.T) {
	dir, r := published(t)
	before := tree(t, dir)

	t.Run("a damaged artifact is repaired", func(t *testing.T) {
		name := filepath.Join(dir, "1.2.3", "linux", "amd64", "choria-linux-amd64-1.2.3.bz2")
		require.NoError(t, os.WriteFile(name, []byte("damaged"), 0o644))
		req := request(t, 1)
		req.Force = true
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, before, tree(t, dir))
	})

	t.Run("an unreadable document may name any file", func(t *testing.T) {
		document := filepath.Join(dir, "1.2.3", "linux", "amd64", "release.json")
		require.NoError(t, os.WriteFile(document, []byte("{"), 0o644))
		req := request(t, 10)
		req.Force = true
		out, err := r.Add(t.Context(), req)
		require.NoError(t, err)
		require.Contains(t, out[0].Artifacts[0].Path, out[0].Artifacts[0].Hash[:12])
		require.Contains(t, tree(t, dir), "1.2.3/linux/amd64/choria-linux-amd64-1.2.3.bz2")
		require.Len(t, verifyAll(t, r).Warnings, 1, "the old artifact is reported, but not removed")
	})
}

func TestAddOverLeftovers(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	at := filepath.Join(dir, "1.2.3", "linux", "amd64")
	require.NoError(t, os.MkdirAll(at, 0o755))
	// A killed transaction leaves an artifact that no document names, a private
	// directory, and the lock file.
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

// Where case is ignored, an old artifact whose name differs only in case is the
// new one.
func TestAddForceKeepsNameThatDiffersInCase(t *testing.T) {
	dir, _ := published(t)
	r := stepwise(t, dir)
	var removed []string
	r.step = func(op, name string) error {
		if op == "remove" {
			removed = append(removed, name)
		}
		return nil
	}
	req := request(t, 1)
	req.Force, req.Name = true, "Choria"
	out, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, "Choria-linux-amd64-1.2.3.bz2", out[0].Artifacts[0].Path)
	require.Empty(t, removed)
	require.True(t, verifyAll(t, r).OK())
}

// Where case is ignored, a file whose name differs only in case is the artifact that
// clients may be downloading.
func TestAddForceAvoidsNameThatDiffersInCase(t *testing.T) {
	dir, r := published(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, linuxDir, "Choria-linux-amd64-1.2.3.bz2"), []byte("other bytes"), 0o644))
	req := request(t, 10)
	req.Force, req.Name = true, "Choria"
	out, err := r.Add(t.Context(), req)
	require.NoError(t, err)
	a := out[0].Artifacts[0]
	require.Equal(t, "Choria-linux-amd64-1.2.3-"+a.Hash[:12]+".bz2", a.Path)
}

// A published document may be an attacker's; what it names outside of its release
// is not deleted.
func TestAddForceDeletesOnlyItsOwnFiles(t *testing.T) {
	const other = "1.2.2/linux/amd64/release.json"
	for name, document := range map[string]string{
		"binary":    `{"binary": "../../../` + other + `"}`,
		"artifacts": `{"binary": "x", "artifacts": [{"path": "../../../` + other + `"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir, r := withVersions(t, "1.2.2", "1.2.3")
			require.NoError(t, os.WriteFile(filepath.Join(dir, linuxDir, layout.DocumentName), []byte(document), 0o644))
			req := request(t, 10)
			req.Force = true
			_, err := r.Add(t.Context(), req)
			require.NoError(t, err)
			require.FileExists(t, filepath.Join(dir, filepath.FromSlash(other)))
		})
	}
}

func TestAddWarnsOfVersionWithoutOrder(t *testing.T) {
	req := request(t, 1)
	req.Version = "nightly"
	out, err := create(t, t.TempDir()).Add(t.Context(), req)
	require.NoError(t, err)
	require.Len(t, out[0].Warnings, 1)
	require.Contains(t, out[0].Warnings[0], "clients cannot detect a downgrade")
}
