// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec/bz2"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

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

	t.Run("a product that the artifact does not name", func(t *testing.T) {
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

	t.Run("a damaged artifact", func(t *testing.T) {
		dir, r := published(t)
		legacy(t, dir)
		flip(t, filepath.Join(dir, linuxDir, "choria-linux-amd64-1.2.3.bz2"))
		before := tree(t, dir)
		_, err := r.Sign(t.Context(), signRequest(t, 1))
		require.ErrorIs(t, err, ErrHash)
		require.Equal(t, before, tree(t, dir))
	})
}

func TestSign(t *testing.T) {
	_, other := seeded(t, 2)

	t.Run("the same key changes nothing", func(t *testing.T) {
		dir, r := published(t)
		before := tree(t, dir)
		_, err := r.Sign(t.Context(), signRequest(t, 1))
		require.NoError(t, err)
		require.Equal(t, before, tree(t, dir))
	})

	t.Run("another key replaces a signature only with Force", func(t *testing.T) {
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

	t.Run("a cosigner does not replace the signer", func(t *testing.T) {
		_, r := published(t)
		cosign(t, r)
		_, err := r.Sign(t.Context(), signRequest(t, 2))
		require.ErrorIs(t, err, ErrOtherKey)
	})

	t.Run("a malformed document", func(t *testing.T) {
		dir, r := published(t)
		rewrite(t, filepath.Join(dir, linuxDir, layout.DocumentName), func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"name": "choria"`), []byte(`"name": "choria", "Name": "choria"`), 1)
		})
		before := tree(t, dir)
		_, err := r.Sign(t.Context(), signRequest(t, 1))
		require.ErrorIs(t, err, trust.ErrMalformed)
		require.Equal(t, before, tree(t, dir))
	})

	t.Run("invalid request", func(t *testing.T) {
		_, r := published(t)
		for _, spoil := range []func(*SignRequest){
			func(q *SignRequest) { q.Signer = nil },
			func(q *SignRequest) { q.Now = time.Time{} },
			func(q *SignRequest) { q.Expires = time.Time{} },
		} {
			req := signRequest(t, 1)
			spoil(&req)
			_, err := r.Sign(t.Context(), req)
			require.ErrorIs(t, err, ErrRequest)
		}
	})
}

func TestRenew(t *testing.T) {
	_, key := seeded(t, 1)

	t.Run("renewed", func(t *testing.T) {
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

	t.Run("an expired release must be renewed", func(t *testing.T) {
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

	t.Run("only the selected releases", func(t *testing.T) {
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

	t.Run("after one damaged artifact, nothing changes", func(t *testing.T) {
		dir, r := published(t)
		flip(t, filepath.Join(dir, "1.2.3/windows/arm64/choria-windows-arm64-1.2.3.bz2"))
		before := tree(t, dir)
		req := signRequest(t, 1)
		req.Renew = true
		_, err := r.Sign(t.Context(), req)
		require.ErrorIs(t, err, ErrHash)
		require.Equal(t, before, tree(t, dir))
	})
}

// An attacker who can write to the repository can exchange the program and remove
// the signature. Renewal, which may run unattended, must not sign that.
func TestRenewRefusesRemovedSignature(t *testing.T) {
	evil := []byte("evil program")
	for name, document := range map[string]func(t *testing.T, rel *trust.Release) []byte{
		"format 1": func(t *testing.T, rel *trust.Release) []byte {
			d, err := signing.FormatRelease(rel)
			require.NoError(t, err)
			return d
		},
		"v0.1.0": func(t *testing.T, rel *trust.Release) []byte {
			d, err := json.Marshal(map[string]string{"binary": rel.Binary, "hash": rel.Hash})
			require.NoError(t, err)
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, r := published(t)
			var compressed bytes.Buffer
			w, err := bz2.NewWriter(&compressed)
			require.NoError(t, err)
			_, err = w.Write(evil)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			require.NoError(t, os.WriteFile(filepath.Join(dir, linuxDir, "choria-linux-amd64-1.2.3.bz2"), compressed.Bytes(), 0o644))
			rewrite(t, filepath.Join(dir, linuxDir, layout.DocumentName), func(raw []byte) []byte {
				var rel trust.Release
				require.NoError(t, json.Unmarshal(raw, &rel))
				binary, file := newMeasure(), newMeasure()
				_, _ = binary.Write(evil)
				_, _ = file.Write(compressed.Bytes())
				rel.Hash, rel.Size, rel.Artifacts[0].Hash, rel.Artifacts[0].Size = binary.sum(), binary.size, file.sum(), file.size
				return document(t, &rel)
			})
			before := tree(t, dir)
			req := signRequest(t, 1)
			req.Renew = true
			_, err = r.Sign(t.Context(), req)
			require.ErrorIs(t, err, trust.ErrUnsigned)
			require.Equal(t, before, tree(t, dir))
		})
	}
}
