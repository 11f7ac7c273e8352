// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

// A release that a key of another tool signed is installed by a program that has
// its public half, and by no other.
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

			target, binary, root := filepath.Join(dir, "app"), filepath.Join(dir, "built"), filepath.Join(dir, "repo")
			require.NoError(t, os.WriteFile(target, []byte("old"), 0o755))
			require.NoError(t, os.WriteFile(binary, []byte("new"), 0o755))
			repo, err := repository.Create(root)
			require.NoError(t, err)
			now := time.Now()
			_, err = repo.Add(t.Context(), repository.AddRequest{
				Name: "app", Version: "1.2.3", Signer: signer, Now: now, Expires: now.AddDate(1, 0, 0),
				Files: []repository.File{{OS: "linux", Arch: "amd64", Path: binary}},
			})
			require.NoError(t, err)
			require.NoError(t, repo.Close())

			apply := func(trusted []byte) error {
				return updater.Apply(updater.SourceRepo("file:///"+strings.TrimPrefix(filepath.ToSlash(root), "/")), updater.Version("1.2.3"),
					updater.OS("linux"), updater.Arch("amd64"), updater.TargetFile(target), updater.PublicKey(trusted))
			}
			// The first key of RFC 8032 §7.1 stands for any other.
			require.ErrorIs(t, apply([]byte("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")), trust.ErrSignature)
			require.NoError(t, apply(key.PEM()))
			content, err := os.ReadFile(target)
			require.NoError(t, err)
			require.Equal(t, "new", string(content))
		})
	}
}
