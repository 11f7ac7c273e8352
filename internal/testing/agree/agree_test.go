// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package agree compares the result of the publisher's verify with what clients do.
package agree

import (
	"bytes"
	"io"
	"log"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/testing/published"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust/tuf"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// Repositories that verify accepts, and that a client refuses.
func TestVerifyDiffersFromTheClient(t *testing.T) {
	for name, damage := range map[string]func(r *published.Repository){
		"spaces after the timestamp": func(r *published.Repository) {
			rewrite(t, r, "metadata/timestamp.json", func(raw []byte) []byte { return append(raw, bytes.Repeat([]byte(" "), 20_000)...) })
		},
		"null roles before succinct roles": func(r *published.Repository) {
			rewrite(t, r, "metadata/1.targets.json", func(raw []byte) []byte {
				return bytes.Replace(raw, []byte(`"succinct_roles"`), []byte(`"roles":null,"succinct_roles"`), 1)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := published.New(t, now, true)
			require.NoError(t, install(t, r))
			damage(r)
			report := verify(t, r)
			require.True(t, report.OK())
			require.Error(t, install(t, r))
		})
	}
}

func rewrite(t *testing.T, r *published.Repository, name string, change func([]byte) []byte) {
	t.Helper()
	file := filepath.Join(r.Dir, filepath.FromSlash(name))
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	changed := change(bytes.Clone(raw))
	require.NotEqual(t, raw, changed)
	require.NoError(t, os.WriteFile(file, changed, 0o644))
}

func verify(t *testing.T, r *published.Repository) *repository.Report {
	t.Helper()
	repo, err := repository.Open(r.Dir)
	require.NoError(t, err)
	defer repo.Close()
	report, err := repo.Verify(t.Context(), repository.VerifyRequest{Policy: r.Policy(t), Now: now, TrustedRoot: r.Root(t)})
	require.NoError(t, err)
	return report
}

// install updates a new target that trusts a key and TUF metadata.
func install(t *testing.T, r *published.Repository) error {
	t.Helper()
	target := filepath.Join(t.TempDir(), "prog")
	require.NoError(t, os.WriteFile(target, []byte("version 1.0.0\n"), 0o755))
	return updater.Apply(
		updater.TargetFile(target), updater.SourceRepo(published.Serve(t, r.Dir)), updater.Version(published.Version),
		updater.Clock(func() time.Time { return now }), updater.Logger(log.New(io.Discard, "", 0)),
		updater.PublicKey([]byte(r.Keys[0].String())), updater.VouchedBy(tuf.New(r.Root(t))),
	)
}
