// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

const largeEnv = "INSTALL_TEST_LARGE"

// A 32-bit program installs a file above 2 GiB, and goes back from it.
func TestB3_LargeFileOn32Bit(t *testing.T) {
	if hash := os.Getenv(largeEnv); hash != "" {
		installLarge(t, hash)
		return
	}
	if testing.Short() || runtime.GOARCH != "amd64" {
		t.Skip("NOT PROVEN: builds for 386 and reads 2 GiB several times")
	}
	program := filepath.Join(t.TempDir(), "install.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", program, ".")
	build.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0", "GOFLAGS=")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.CommandContext(t.Context(), program, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), largeEnv+"="+hashOfZeros(t))
	out, err = cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
}

const above2GiB = 2<<30 + 10

// hashOfZeros is faster here than in a 32-bit program.
func hashOfZeros(t *testing.T) string {
	f, err := os.Create(filepath.Join(t.TempDir(), "zeros"))
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Truncate(above2GiB))
	hash, err := hashOf(f)
	require.NoError(t, err)
	return hash
}

func installLarge(t *testing.T, hash string) {
	require.Equal(t, "386", runtime.GOARCH)
	target := newTarget(t)
	s, err := Begin(t.Context(), target, Options{})
	require.NoError(t, err)
	p, err := s.Partial(sum(newBytes)) // the download is as large
	require.NoError(t, err)
	_, err = p.Seek(2<<30, io.SeekStart)
	require.NoError(t, err)
	_, err = p.WriteString("end")
	require.NoError(t, err)
	require.NoError(t, p.End(true))
	p, err = s.Partial(sum(newBytes))
	require.NoError(t, err)
	require.NoError(t, p.End(false))

	path, err := s.StagePath()
	require.NoError(t, err)
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, errors.Join(f.Truncate(above2GiB), f.Close()))
	st, err := s.Seal(path, hash, above2GiB)
	require.NoError(t, err)
	_, err = s.Commit(st, Plan{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, Rollback(t.Context(), target))
	requireFile(t, target, oldBytes)
}
