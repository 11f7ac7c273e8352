// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package release_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/release"
)

// A disk that is full while the binary is written has no room for another artifact.
func TestC6_FullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT PROVEN: needs root to mount a small file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Skipf("NOT PROVEN: cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	p := publish(t)
	binary := make([]byte, 1<<19)
	p.verified.Release.Hash, p.verified.Release.Size, p.verified.Release.Artifacts = sum(binary), int64(len(binary)), nil
	p.add("app.bz2", codec.Bzip2, "", compress(t, binary))
	p.add("app.none", codec.None, "", binary)
	s, log := newSource(t, p.repository)
	target := filepath.Join(dir, "new")
	require.ErrorIs(t, s.Binary(t.Context(), p.verified, target, release.Workspace{}), unix.ENOSPC)
	require.Equal(t, []string{at.File("app.bz2")}, p.requests())
	require.Empty(t, log.warn)
	requireNothing(t, target)
}
