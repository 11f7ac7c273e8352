// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	mathrand "math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

// TestSignals kills or interrupts the real command at random times while it replaces
// a release.
func TestSignals(t *testing.T) {
	for _, tc := range []struct {
		signal syscall.Signal
		tries  int
	}{{syscall.SIGKILL, 10}, {syscall.SIGINT, 5}, {syscall.SIGTERM, 5}} {
		t.Run(tc.signal.String(), func(t *testing.T) {
			b := newBench(t)
			b.publish(t, t.Context(), 0)
			took := time.Now()
			b.publish(t, t.Context(), 1)
			duration := time.Since(took)
			random := mathrand.New(mathrand.NewSource(time.Now().UnixNano()))
			stopped := 0
			for n := range tc.tries {
				before := b.state(t)
				if b.publishAndStop(t, n, tc.signal, time.Duration(random.Int63n(int64(duration)))) {
					stopped++
				}
				b.requireWhole(t)
				after := b.state(t)
				if tc.signal != syscall.SIGKILL && after == before {
					require.Empty(t, b.leftovers(t), "an interrupt removes private files")
					require.Equal(t, 18, b.count(t), "an interrupt removes private files")
				}
			}
			require.Positive(t, stopped)
			b.publish(t, t.Context(), 99)
			b.requireWhole(t)
			require.Empty(t, b.leftovers(t), "the next run removes private files")
		})
	}
}

type bench struct {
	command, dir, repo string
	policy             *trust.Policy
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	b := &bench{command: filepath.Join(dir, "update-repo"), dir: dir, repo: filepath.Join(dir, "repo")}
	// testscript.Main runs the command if it is started by its name.
	require.NoError(t, os.Symlink(self, b.command))
	k, err := keys.Generate(rand.Reader)
	require.NoError(t, err)
	private, err := keys.FormatUnprotected(k, keys.PKCS8)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "release.key"), private, 0o600))
	b.policy, err = trust.NewPolicy(1, k.Public().Key)
	require.NoError(t, err)

	// Patches are made from this version.
	out, err := b.line(t, t.Context(), "1.2.2", -1).CombinedOutput()
	require.NoError(t, err, string(out))

	return b
}

// line writes two programs that depend on the seed, and returns the command that
// publishes them.
func (b *bench) line(t *testing.T, ctx context.Context, version string, seed int) *exec.Cmd {
	t.Helper()
	args := []string{"add", "--version", version, "--name", "choria", "--repo", b.repo, "--key", filepath.Join(b.dir, "release.key"), "--force", "--encodings", "bzip2,zstd,none", "--patches", "1"}
	body := make([]byte, 100_000)
	_, _ = mathrand.New(mathrand.NewSource(1)).Read(body)
	for i, platform := range []string{"linux/amd64", "linux/arm64"} {
		program := filepath.Join(b.dir, fmt.Sprint(i))
		require.NoError(t, os.WriteFile(program, append(slices.Clone(body), fmt.Sprintf("program %d of %d\n", i, seed)...), 0o755))
		args = append(args, platform+"="+program)
	}

	return exec.CommandContext(ctx, b.command, args...)
}

func (b *bench) publish(t *testing.T, ctx context.Context, seed int) {
	t.Helper()
	out, err := b.line(t, ctx, "1.2.3", seed).CombinedOutput()
	require.NoError(t, err, string(out))
}

func (b *bench) publishAndStop(t *testing.T, seed int, signal syscall.Signal, after time.Duration) (stopped bool) {
	t.Helper()
	cmd := b.line(t, t.Context(), "1.2.3", seed)
	var out bytes.Buffer
	cmd.Stderr = &out
	require.NoError(t, cmd.Start())
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Signal(signal) })
	defer timer.Stop()
	err := cmd.Wait()
	if err != nil && signal != syscall.SIGKILL && cmd.ProcessState.Exited() {
		require.Contains(t, out.String(), "update-repo: error: interrupted")
		require.Equal(t, 128+int(signal), cmd.ProcessState.ExitCode())
	}

	return err != nil
}

func (b *bench) requireWhole(t *testing.T) {
	t.Helper()
	r, err := repository.Open(b.repo)
	require.NoError(t, err)
	defer r.Close()
	report, err := r.Verify(t.Context(), repository.VerifyRequest{Policy: b.policy, Now: time.Now()})
	require.NoError(t, err)
	require.True(t, report.OK(), "%+v", report)
	require.Len(t, report.Releases, 4)
}

// state returns the documents that clients see.
func (b *bench) state(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, arch := range []string{"amd64", "arm64"} {
		raw, err := os.ReadFile(filepath.Join(b.repo, "1.2.3", "linux", arch, "release.json"))
		require.NoError(t, err)
		all.Write(raw)
	}

	return all.String()
}

// leftovers returns private directories and locks. Artifacts that were in place when
// the process was killed may remain; verify warns of them.
func (b *bench) leftovers(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(b.repo, ".update-repo-*"))
	require.NoError(t, err)

	return found
}

func (b *bench) count(t *testing.T) (files int) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(b.repo, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files++
		}
		return err
	}))

	return files
}
