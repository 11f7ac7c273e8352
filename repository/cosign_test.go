// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

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
		"by the key that signed it": {func(t *testing.T, _ string, _ *Repository, req *CosignRequest) { req.Signer, _ = seeded(t, 1) }, signing.ErrAlreadySigned},
		"signed by another key": {func(t *testing.T, _ string, _ *Repository, req *CosignRequest) {
			req.Policy = policy(t, 1, third)
		}, trust.ErrSignature},
		"not signed": {func(t *testing.T, dir string, _ *Repository, _ *CosignRequest) { legacy(t, dir) }, trust.ErrUnsigned},
		"a damaged artifact": {func(t *testing.T, dir string, _ *Repository, _ *CosignRequest) {
			flip(t, filepath.Join(dir, linuxDir, "choria-linux-amd64-1.2.3.bz2"))
		}, ErrHash},
		"expired":   {func(_ *testing.T, _ string, _ *Repository, req *CosignRequest) { req.Now = now.AddDate(1, 0, 0) }, trust.ErrExpired},
		"no policy": {func(_ *testing.T, _ string, _ *Repository, req *CosignRequest) { req.Policy = nil }, ErrRequest},
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
