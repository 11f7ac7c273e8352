// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
)

// A release is published as 9.9.9, and its binary says 1.0.0. A program that restarts
// after each update would do so for ever.
func TestD7_BinaryOfAnotherVersion(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("NOT PROVEN: builds programs")
	}
	private, err := keys.Generate(rand.Reader)
	require.NoError(t, err)
	signer, err := private.Signer()
	require.NoError(t, err)
	dir, repo := t.TempDir(), t.TempDir()
	server := httptest.NewServer(http.FileServer(http.Dir(repo)))
	defer server.Close()
	build := func(name, version, wanted string) (path string) {
		path = filepath.Join(dir, name)
		flags := "-X main.version=" + version + " -X main.repo=" + server.URL + " -X main.releaseKey=" + private.Public().String() +
			" -X main.wanted=" + wanted + " -X main.content=" + name
		out, err := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", flags, "-o", path, "./testdata/loop").CombinedOutput()
		require.NoError(t, err, "%s", out)
		return path
	}
	r, err := repository.Open(repo)
	require.NoError(t, err)
	defer r.Close()
	now := time.Now()
	publish := func(version, path string) {
		_, err := r.Add(t.Context(), repository.AddRequest{
			Name: "loop", Version: version, Signer: signer, Now: now, Expires: now.AddDate(0, 0, 1),
			Files: []repository.File{{Path: path, OS: runtime.GOOS, Arch: runtime.GOARCH}},
		})
		require.NoError(t, err)
	}
	publish("9.9.9", build("mistaken", "1.0.0", "9.9.9"))
	publish("2.0.0", build("right", "2.0.0", "2.0.0"))

	for name, tc := range map[string]struct {
		installed, mode string
		ends            string
		starts          []string
	}{
		"v0.1.0's function": {build("old", "1.0.0", "9.9.9"), "function",
			"9.9.9", []string{"start of 1.0.0 old", "start of 1.0.0 mistaken"}},
		"the method": {build("old", "1.0.0", "9.9.9"), "method",
			"9.9.9", []string{"start of 1.0.0 old", "start of 1.0.0 mistaken"}},
		"an old program that goes on": {build("old", "1.0.0", "9.9.9"), "twice", "", []string{"start of 1.0.0 old", "updated: true", "updated: false"}},
		"a v in front":                {build("v", "v2.0.0", "2.0.0"), "twice", "", []string{"start of v2.0.0 v", "updated: false", "updated: false"}},
	} {
		t.Run(name, func(t *testing.T) {
			target := filepath.Join(t.TempDir(), "program")
			out, err := exec.CommandContext(t.Context(), "cp", tc.installed, target).CombinedOutput()
			require.NoError(t, err, "%s", out)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			out, err = exec.CommandContext(ctx, target, tc.mode).CombinedOutput()
			require.NoError(t, ctx.Err(), "the program restarts for ever: %.500s", out)
			lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
			if tc.ends == "" {
				require.NoError(t, err, "%s", out)
				require.Equal(t, tc.starts, lines)
				return
			}
			require.Error(t, err)
			require.Equal(t, tc.starts, lines[:len(lines)-1])
			last := lines[len(lines)-1]
			require.Contains(t, last, "error: ErrVersion: ")
			require.Contains(t, last, `CurrentVersion() is "1.0.0"`)
			require.Contains(t, last, "-X main.version=9.9.9")
			// Nothing was changed by what was refused.
			before, err := os.Stat(target)
			require.NoError(t, err)
			journal, err := os.ReadFile(filepath.Join(filepath.Dir(target), ".program.update", "journal.json"))
			require.NoError(t, err)
			require.Error(t, exec.CommandContext(ctx, target, tc.mode).Run())
			after, err := os.Stat(target)
			require.NoError(t, err)
			require.True(t, os.SameFile(before, after))
			again, err := os.ReadFile(filepath.Join(filepath.Dir(target), ".program.update", "journal.json"))
			require.NoError(t, err)
			require.Equal(t, string(journal), string(again))
		})
	}
}
