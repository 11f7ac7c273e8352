// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

// legacy makes documents of v0.1.0 of what is published.
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

func signRequest(t *testing.T, n byte) SignRequest {
	t.Helper()
	signer, _ := seeded(t, n)

	return SignRequest{Signer: signer, Now: now, Expires: now.AddDate(2, 0, 0)}
}

func TestSignLegacy(t *testing.T) {
	dir, r := published(t)
	legacy(t, dir)
	out, err := r.Sign(t.Context(), signRequest(t, 1))
	require.NoError(t, err)
	require.Len(t, out, 2)
	require.Equal(t, "choria", out[0].Name)
	require.Equal(t, int64(8*4<<10), out[0].Size)
	require.Equal(t, now, out[0].Released)
	require.True(t, verifyAll(t, r).OK())

	t.Run("a name that the artifact does not tell", func(t *testing.T) {
		dir, r := published(t)
		legacy(t, dir)
		old := filepath.Join(dir, linuxDir, "choria-linux-amd64-1.2.3.bz2")
		require.NoError(t, os.Rename(old, filepath.Join(dir, linuxDir, "agent.bz2")))
		rewrite(t, filepath.Join(dir, linuxDir, layout.DocumentName), func(b []byte) []byte {
			return []byte(strings.Replace(string(b), "choria-linux-amd64-1.2.3", "agent", 1))
		})
		before := tree(t, dir)
		_, err := r.Sign(t.Context(), signRequest(t, 1))
		require.ErrorIs(t, err, ErrRequest)
		require.Equal(t, before, tree(t, dir))

		req := signRequest(t, 1)
		req.Name = "choria"
		_, err = r.Sign(t.Context(), req)
		require.NoError(t, err)
		require.True(t, verifyAll(t, r).OK())
	})

	t.Run("not without its artifact", func(t *testing.T) {
		dir, r := published(t)
		legacy(t, dir)
		rewrite(t, filepath.Join(dir, linuxDir, "choria-linux-amd64-1.2.3.bz2"), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		before := tree(t, dir)
		_, err := r.Sign(t.Context(), signRequest(t, 1))
		require.ErrorIs(t, err, ErrHash)
		require.Equal(t, before, tree(t, dir))
	})
}

func TestSign(t *testing.T) {
	_, key := seeded(t, 1)
	_, other := seeded(t, 2)

	t.Run("by the same key changes nothing", func(t *testing.T) {
		dir, r := published(t)
		before := tree(t, dir)
		_, err := r.Sign(t.Context(), signRequest(t, 1))
		require.NoError(t, err)
		require.Equal(t, before, tree(t, dir))
	})

	t.Run("another key's signature stays", func(t *testing.T) {
		dir, r := published(t)
		before := tree(t, dir)
		_, err := r.Sign(t.Context(), signRequest(t, 2))
		require.ErrorIs(t, err, ErrOtherKey)
		require.Equal(t, before, tree(t, dir))

		req := signRequest(t, 2)
		req.Force = true
		_, err = r.Sign(t.Context(), req)
		require.NoError(t, err)
		report, err := r.Verify(t.Context(), VerifyRequest{Policy: policy(t, 1, other), Now: now})
		require.NoError(t, err)
		require.True(t, report.OK())
	})

	t.Run("a cosigner does not push out the signer", func(t *testing.T) {
		_, r := published(t)
		cosign(t, r)
		_, err := r.Sign(t.Context(), signRequest(t, 2))
		require.ErrorIs(t, err, ErrOtherKey)
	})

	t.Run("a new term", func(t *testing.T) {
		_, r := published(t)
		cosign(t, r)
		req := signRequest(t, 1)
		req.Renew = true
		out, err := r.Sign(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, now.AddDate(2, 0, 0), out[0].Expires)
		require.Contains(t, out[0].Warnings[0], "cosign it again")
		report, err := r.Verify(t.Context(), VerifyRequest{Policy: policy(t, 1, key), Now: now.AddDate(1, 6, 0)})
		require.NoError(t, err)
		require.True(t, report.OK())
	})

	t.Run("the expired needs one", func(t *testing.T) {
		dir, r := published(t)
		before := tree(t, dir)
		req := signRequest(t, 1)
		req.Now, req.Expires = now.AddDate(1, 0, 0), now.AddDate(2, 0, 0)
		_, err := r.Sign(t.Context(), req)
		require.ErrorIs(t, err, trust.ErrExpired)
		require.Equal(t, before, tree(t, dir))
		req.Renew = true
		_, err = r.Sign(t.Context(), req)
		require.NoError(t, err)
	})

	t.Run("only what is selected", func(t *testing.T) {
		dir, r := published(t)
		before := tree(t, dir)
		req := signRequest(t, 1)
		req.Renew, req.Filter = true, Filter{OS: "linux"}
		out, err := r.Sign(t.Context(), req)
		require.NoError(t, err)
		require.Len(t, out, 1)
		require.Equal(t, before["1.2.3/windows/arm64/release.json"], tree(t, dir)["1.2.3/windows/arm64/release.json"])

		req.Filter = Filter{OS: "plan9"}
		_, err = r.Sign(t.Context(), req)
		require.ErrorIs(t, err, ErrNoRelease)
	})

	t.Run("one bad artifact keeps all as they are", func(t *testing.T) {
		dir, r := published(t)
		rewrite(t, filepath.Join(dir, "1.2.3/windows/arm64/choria-windows-arm64-1.2.3.bz2"), func(b []byte) []byte { b[9] ^= 1; return b })
		before := tree(t, dir)
		req := signRequest(t, 1)
		req.Renew = true
		_, err := r.Sign(t.Context(), req)
		require.ErrorIs(t, err, ErrHash)
		require.Equal(t, before, tree(t, dir))
	})

	t.Run("incomplete", func(t *testing.T) {
		_, r := published(t)
		for _, spoil := range []func(*SignRequest){
			func(q *SignRequest) { q.Signer = nil },
			func(q *SignRequest) { *q = SignRequest{Signer: q.Signer, Expires: q.Expires} },
			func(q *SignRequest) { *q = SignRequest{Signer: q.Signer, Now: q.Now} },
		} {
			req := signRequest(t, 1)
			spoil(&req)
			_, err := r.Sign(t.Context(), req)
			require.ErrorIs(t, err, ErrRequest)
		}
	})
}

func cosign(t *testing.T, r *Repository) {
	t.Helper()
	second, _ := seeded(t, 2)
	_, key := seeded(t, 1)
	_, err := r.Cosign(t.Context(), CosignRequest{Signer: second, Now: now, Policy: policy(t, 1, key)})
	require.NoError(t, err)
}

func TestCosign(t *testing.T) {
	second, secondKey := seeded(t, 2)
	_, key := seeded(t, 1)
	_, third := seeded(t, 3)
	req := CosignRequest{Signer: second, Now: now, Policy: policy(t, 1, key)}

	_, r := published(t)
	cosign(t, r)
	report, err := r.Verify(t.Context(), VerifyRequest{Policy: policy(t, 2, key, secondKey), Now: now})
	require.NoError(t, err)
	require.True(t, report.OK())
	require.ElementsMatch(t, []string{key.ID(), secondKey.ID()}, report.Releases[0].Signers)

	for name, tc := range map[string]struct {
		spoil func(t *testing.T, dir string, r *Repository, req *CosignRequest)
		want  error
	}{
		"twice": {func(t *testing.T, _ string, r *Repository, _ *CosignRequest) { cosign(t, r) }, signing.ErrAlreadySigned},
		"what the wrong key signed": {func(t *testing.T, _ string, _ *Repository, req *CosignRequest) {
			req.Policy = policy(t, 1, third)
		}, trust.ErrSignature},
		"what nobody signed": {func(t *testing.T, dir string, _ *Repository, _ *CosignRequest) { legacy(t, dir) }, trust.ErrUnsigned},
		"a bad artifact": {func(t *testing.T, dir string, _ *Repository, _ *CosignRequest) {
			rewrite(t, filepath.Join(dir, linuxDir, "choria-linux-amd64-1.2.3.bz2"), func(b []byte) []byte { b[9] ^= 1; return b })
		}, ErrHash},
		"what is expired":       {func(_ *testing.T, _ string, _ *Repository, req *CosignRequest) { req.Now = now.AddDate(1, 0, 0) }, trust.ErrExpired},
		"without knowing whose": {func(_ *testing.T, _ string, _ *Repository, req *CosignRequest) { req.Policy = nil }, ErrRequest},
	} {
		t.Run(name, func(t *testing.T) {
			dir, r := published(t)
			req := req
			tc.spoil(t, dir, r, &req)
			before := tree(t, dir)
			_, err := r.Cosign(t.Context(), req)
			require.ErrorIs(t, err, tc.want)
			require.Equal(t, before, tree(t, dir))
		})
	}
}

func TestList(t *testing.T) {
	dir, r := published(t)
	for _, v := range []string{"1.10.0", "v1.9.0", "nightly"} {
		req := request(t, 1)
		req.Version = v
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
	}
	legacy(t, dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "nightly/linux/amd64", layout.DocumentName), []byte("{"), 0o644))

	entries, err := r.List(t.Context(), Filter{OS: "linux"})
	require.NoError(t, err)
	var versions []string
	for _, e := range entries {
		versions = append(versions, e.Version)
	}
	require.Equal(t, []string{"nightly", "1.2.3", "v1.9.0", "1.10.0"}, versions)
	require.NotEmpty(t, entries[0].Problem)
	require.True(t, entries[1].Legacy)
	require.Zero(t, entries[1].Signatures)
	require.Equal(t, 1, entries[2].Signatures)
	require.Equal(t, "choria", entries[2].Name)
}

func TestOpen(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
	file := program(t, 1)
	_, err = Open(file)
	require.ErrorContains(t, err, "not a directory")
	_, err = Create(filepath.Join(file, "below"))
	require.Error(t, err)
	require.False(t, errors.Is(err, os.ErrExist))
}
