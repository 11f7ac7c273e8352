// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/keys"
)

// screen is an output that a test reads while a command writes.
type screen struct {
	mu    sync.Mutex
	shown bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

// TestE18_DraftChangesWhileAKeyHolderThinks: what is signed is what was shown. The
// passphrase comes from a pipe, so that the command waits for it.
func TestE18_DraftChangesWhileAKeyHolderThinks(t *testing.T) {
	for name, change := range map[string]bool{"unchanged": false, "changed": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			at := func(name string) string { return filepath.Join(dir, name) }
			k, err := keys.Generate(rand.Reader)
			require.NoError(t, err)
			encrypted, err := keys.FormatEncrypted(k, keys.Sigstore, []byte("correct-horse"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(at("root.key"), encrypted, 0o600))
			for _, name := range []string{"root", "targets", "release", "online"} {
				if name != "root" {
					k, err = keys.Generate(rand.Reader)
					require.NoError(t, err)
				}
				public, err := keys.FormatPublic(k.Public(), keys.PublicPEM)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(at(name+".pub"), public, 0o644))
			}
			draft := func(repo string, extra ...string) {
				var stderr bytes.Buffer
				args := append([]string{
					"tuf", "init", "--repo", at(repo), "--root", at("root.pub"), "--threshold", "1",
					"--targets", at("targets.pub"), "--release", at("release.pub"), "--online", at("online.pub"),
				}, extra...)
				require.Equal(t, term.ExitOK, run(t.Context(), args, strings.NewReader(""), &bytes.Buffer{}, &stderr), stderr.String())
			}
			draft("repo")
			draft("other", "--root-expires", "10d")
			require.NoError(t, syscall.Mkfifo(at("passphrase"), 0o600))

			var stdout, stderr screen
			code := make(chan int, 1)
			go func() {
				code <- run(t.Context(), []string{"tuf", "sign", "--repo", at("repo"), "--key", at("root.key"), "--passphrase-file", at("passphrase")},
					strings.NewReader(""), &stdout, &stderr)
			}()
			require.Eventually(t, func() bool { return strings.Contains(stdout.String(), "root, version 1") }, 20*time.Second, 5*time.Millisecond)
			file := filepath.Join(at("repo"), "metadata", "root.draft.json")
			if change {
				changed, err := os.ReadFile(filepath.Join(at("other"), "metadata", "root.draft.json"))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(file, changed, 0o644))
			}
			require.NoError(t, os.WriteFile(at("passphrase"), []byte("correct-horse\n"), 0))
			if !change {
				require.Equal(t, term.ExitOK, <-code, stderr.String())
				require.NoFileExists(t, file, "it is published")
				return
			}
			require.Equal(t, term.ExitFailed, <-code)
			require.Contains(t, stderr.String(), "another one than was shown")
			require.FileExists(t, file, "nothing was published")
			require.NoFileExists(t, filepath.Join(at("repo"), "metadata", "1.root.json"))
		})
	}
}
