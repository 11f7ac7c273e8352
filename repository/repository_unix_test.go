// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package repository

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/layout"
)

// Not parallel: the umask belongs to the process. The private directory may be
// served, so others cannot read it.
func TestModes(t *testing.T) {
	for _, tc := range []struct {
		umask     int
		file, dir fs.FileMode
	}{{0o022, 0o644, 0o755}, {0o000, 0o644, 0o755}, {0o077, 0o600, 0o700}} {
		dir := t.TempDir()
		old := syscall.Umask(tc.umask)
		r := create(t, filepath.Join(dir, "repo"))
		req := request(t, 1)
		req.Uncompressed = true
		var private atomic.Int64
		r.step = func(op, _ string) error {
			if op != "create" {
				return nil
			}
			found, err := filepath.Glob(filepath.Join(dir, "repo", workPrefix+"[0-9a-f]*"))
			require.NoError(t, err)
			for _, work := range found {
				if info, err := os.Stat(work); err == nil && info.IsDir() {
					require.EqualValues(t, 0o700, info.Mode().Perm())
					private.Add(1)
				}
			}
			return nil
		}
		_, err := r.Add(t.Context(), req)
		syscall.Umask(old)
		require.Positive(t, private.Load())
		require.NoError(t, err)
		require.NoError(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil || p == dir {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			want := tc.file
			if d.IsDir() {
				want = tc.dir
			}
			require.Equal(t, want, info.Mode().Perm(), "umask %o: %s", tc.umask, p)
			return nil
		}))
	}
}

func TestLinksOutOfTheRootAreRefused(t *testing.T) {
	for _, planted := range []string{"1.2.3", "1.2.3/linux", "1.2.3/linux/amd64", "1.2.3/linux/amd64/release.json", "1.2.3/linux/amd64/choria-linux-amd64-1.2.3.bz2", lockName} {
		t.Run(planted, func(t *testing.T) {
			dir, outside := t.TempDir(), t.TempDir()
			victim := filepath.Join(outside, "victim")
			require.NoError(t, os.WriteFile(victim, []byte("theirs"), 0o644))
			link := filepath.Join(dir, planted)
			require.NoError(t, os.MkdirAll(filepath.Dir(link), 0o755))
			target := outside
			if filepath.Ext(planted) != ".3" && filepath.Base(planted) != "linux" && filepath.Base(planted) != "amd64" {
				target = victim
			}
			require.NoError(t, os.Symlink(target, link))

			r := create(t, dir)
			req := request(t, 1)
			req.Force = true
			_, err := r.Add(t.Context(), req)
			require.Error(t, err)
			require.Equal(t, map[string]string{"victim": "theirs"}, tree(t, outside))
			info, err := os.Lstat(link)
			require.NoError(t, err)
			require.NotZero(t, info.Mode()&fs.ModeSymlink, "the link is not replaced")
		})
	}
}

func TestLinksInsideAreRefused(t *testing.T) {
	for _, planted := range []string{layout.DocumentName, "choria-linux-amd64-1.2.3.bz2"} {
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, linuxDir), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, linuxDir, "theirs"), []byte("theirs"), 0o644))
		require.NoError(t, os.Symlink("theirs", filepath.Join(dir, linuxDir, planted)))
		before := tree(t, dir)
		req := request(t, 1)
		req.Force = true
		_, err := create(t, dir).Add(t.Context(), req)
		require.ErrorContains(t, err, "is not a regular file")
		require.Equal(t, before, tree(t, dir))
	}
}

func TestVerifyDoesNotFollowLinks(t *testing.T) {
	dir, r := published(t)
	require.NoError(t, os.Symlink("1.2.3", filepath.Join(dir, "latest")))
	report := verifyAll(t, r)
	require.True(t, report.OK())
	require.Len(t, report.Warnings, 1)
	require.Contains(t, report.Warnings[0], "symbolic link")

	artifact := filepath.Join(dir, linuxDir, "choria-linux-amd64-1.2.3.bz2")
	outside := filepath.Join(t.TempDir(), "artifact")
	require.NoError(t, os.Rename(artifact, outside))
	require.NoError(t, os.Symlink(outside, artifact))
	require.False(t, verifyAll(t, r).OK())
}

func TestNamedPipes(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o644))
	dir, r := published(t)

	req := request(t, 1)
	req.Version, req.Files[0].Path = "1.2.4", pipe
	done := make(chan error, 1)
	go func() {
		_, err := r.Add(t.Context(), req)
		done <- err
	}()
	select {
	case err := <-done:
		require.ErrorIs(t, err, ErrInput)
		require.ErrorContains(t, err, "not a regular file")
	case <-time.After(10 * time.Second):
		t.Fatal("the pipe blocks")
	}

	artifact := filepath.Join(dir, linuxDir, "choria-linux-amd64-1.2.3.bz2")
	require.NoError(t, os.Remove(artifact))
	require.NoError(t, syscall.Mkfifo(artifact, 0o644))
	report := verifyAll(t, r)
	require.ErrorIs(t, report.Releases[0].Faults[0].Err, ErrMissing)
}

func TestContains(t *testing.T) {
	dir, r := published(t)
	outside := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(outside, nil, 0o600))
	inside := filepath.Join(dir, "1.2.3", "key")
	require.NoError(t, os.WriteFile(inside, nil, 0o600))
	toInside := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(inside, toInside))
	toOutside := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(outside, toOutside))
	otherName := filepath.Join(t.TempDir(), "repo")
	require.NoError(t, os.Symlink(dir, otherName))

	for file, want := range map[string]bool{
		outside:                                  false,
		inside:                                   true,
		toInside:                                 true,
		toOutside:                                true,
		filepath.Join(otherName, "1.2.3", "key"): true,
		filepath.Join(dir, "..", filepath.Base(outside)): false,
	} {
		got, err := r.Contains(file)
		if !want && err != nil {
			require.ErrorIs(t, err, os.ErrNotExist)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, got, file)
	}
}

func TestFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("NOT PROVEN: needs root on Linux, to mount a tmpfs")
	}
	small := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small).CombinedOutput(); err != nil {
		t.Skipf("NOT PROVEN: cannot mount a tmpfs: %s", out)
	}
	t.Cleanup(func() { require.NoError(t, exec.Command("umount", small).Run()) })

	// Compressed, the programs would fit.
	req := request(t, 1)
	req.Uncompressed = true
	r, err := Create(filepath.Join(small, "repo"))
	require.NoError(t, err)
	_, err = r.Add(t.Context(), req)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, r.Close())
	require.Empty(t, tree(t, small))
}

func TestFileInPlaceOfDirectory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "1.2.3"), []byte("a file"), 0o644))
	before := tree(t, dir)
	_, err := create(t, dir).Add(t.Context(), request(t, 1))
	require.ErrorIs(t, err, syscall.ENOTDIR)
	require.Equal(t, before, tree(t, dir))
}
