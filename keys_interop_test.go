// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

// A release that a key of another tool signed is installed by a program that has
// its public half in the form of that tool's, converted.
func TestKeysOfOtherToolsSignReleases(t *testing.T) {
	for tool, args := range map[string][]string{
		"minisign":   {"-G", "-W", "-s", "release.key", "-p", "release.pub"},
		"ssh-keygen": {"-q", "-t", "ed25519", "-N", "", "-f", "release.key"},
	} {
		t.Run(tool, func(t *testing.T) {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skip("NOT PROVEN: no ", tool)
			}
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), tool, args...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			signer, key, err := keys.Resolve(t.Context(), filepath.Join(dir, "release.key"), keys.Options{})
			require.NoError(t, err)

			w := newWorld(t)
			binary := filepath.Join(dir, "app")
			require.NoError(t, os.WriteFile(binary, []byte(newContent), 0o755))
			repo, err := repository.Create(w.repo)
			require.NoError(t, err)
			_, err = repo.Add(t.Context(), repository.AddRequest{
				Name: "app", Version: "1.2.3", Signer: signer, Now: now, Expires: now.AddDate(1, 0, 0),
				Files: []repository.File{{OS: "linux", Arch: "amd64", Path: binary}},
			})
			require.NoError(t, err)
			require.NoError(t, repo.Close())
			w.refuses(trust.ErrSignature)
			require.NoError(t, updater.Apply(w.options(updater.PublicKey(key.PEM()))...))
			w.holds(newContent)
		})
	}
}
