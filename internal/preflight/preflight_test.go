// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// quiet is a system without package managers and containers.
func quiet(t *testing.T) system { return system{root: t.TempDir(), goos: runtime.GOOS} }

// program creates an executable file at dir/name.
func program(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte("program"), 0o755))
	require.NoError(t, os.Chmod(path, 0o755))
	return path
}

func newTarget(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return program(t, dir, "tool")
}

type entry struct {
	mode fs.FileMode
	size int64
	time time.Time
}

// snapshot includes the time of the directory, which changes when a file is created
// in it, even if the file is removed again.
func snapshot(t *testing.T, dir string) map[string]entry {
	t.Helper()
	all := map[string]entry{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		all[path] = entry{info.Mode(), info.Size(), info.ModTime()}
		return nil
	}))
	return all
}

// look runs a check, and requires that it changed nothing.
func look(t *testing.T, s system, q Question) *Report {
	t.Helper()
	dir := filepath.Dir(q.Target)
	before := snapshot(t, dir)
	r, err := s.check(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, before, snapshot(t, dir))
	return r
}

func reasons(all []*Error) []Reason {
	var found []Reason
	for _, e := range all {
		found = append(found, e.Reason)
	}
	return found
}

// requireOne requires one problem, of this kind, at this path.
func requireOne(t *testing.T, r *Report, reason Reason, path string, is error) *Error {
	t.Helper()
	require.Equal(t, []Reason{reason}, reasons(r.Problems))
	e := r.Problems[0]
	require.Equal(t, path, e.Path)
	require.NotEmpty(t, e.Advice)
	require.ErrorContains(t, e, string(reason))
	require.ErrorContains(t, e, e.Advice)
	if is != nil {
		require.ErrorIs(t, e, is)
	}
	return e
}

func TestNoProblem(t *testing.T) {
	target := newTarget(t)
	for _, name := range []string{"tool", "two words", "näme-工具", "-rf", `quote"d`} {
		if runtime.GOOS == "windows" && name == `quote"d` {
			continue
		}
		path := program(t, filepath.Dir(target), name)
		r := look(t, quiet(t), Question{Target: path, Room: 4096, Execute: true, Beside: []string{path + ".backup"}})
		require.Equal(t, &Report{Target: path}, r)
	}
}

func TestTarget(t *testing.T) {
	target := newTarget(t)
	dir := filepath.Dir(target)
	for name, tc := range map[string]struct {
		path   string
		reason Reason
		is     error
	}{
		"missing":         {filepath.Join(dir, "absent"), ReasonMissing, fs.ErrNotExist},
		"missing above":   {filepath.Join(dir, "absent", "tool"), ReasonMissing, fs.ErrNotExist},
		"directory":       {dir, ReasonDirectory, syscall.EISDIR},
		"below a program": {filepath.Join(target, "tool"), ReasonMissing, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := quiet(t).check(t.Context(), Question{Target: tc.path})
			require.NoError(t, err)
			requireOne(t, r, tc.reason, tc.path, tc.is)
			require.Equal(t, tc.path, r.Target)
		})
	}
}

func TestRelative(t *testing.T) {
	target := newTarget(t)
	t.Chdir(filepath.Dir(target))
	require.Equal(t, &Report{Target: target}, look(t, quiet(t), Question{Target: "tool"}))
}

func TestSymlink(t *testing.T) {
	target := newTarget(t)
	link := filepath.Join(filepath.Dir(target), "link")
	require.NoError(t, os.Symlink("tool", link))
	if _, err := filepath.EvalSymlinks(link); err != nil {
		t.Skipf("NOT PROVEN: no symbolic links here: %v", err)
	}
	require.Equal(t, &Report{Target: target}, look(t, quiet(t), Question{Target: link}))

	require.NoError(t, os.Remove(target))
	requireOne(t, look(t, quiet(t), Question{Target: link}), ReasonMissing, link, fs.ErrNotExist)

	require.NoError(t, os.Symlink("link", target))
	requireOne(t, look(t, quiet(t), Question{Target: link}), ReasonMissing, link, nil)
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Check(ctx, Question{Target: newTarget(t)})
	require.ErrorIs(t, err, context.Canceled)
}

func TestRoom(t *testing.T) {
	p := targetFile{path: "/bin/tool", dir: "/bin"}
	v := volume{blockSize: 4096, blocks: 100, free: 10, files: 100, freeFiles: neededInodes}
	for _, bytes := range []int64{0, 1, 10 * 4096} {
		require.Nil(t, p.room(v, bytes))
	}
	for _, bytes := range []int64{10*4096 + 1, 1<<63 - 1} {
		require.ErrorIs(t, p.room(v, bytes), errFull)
	}
	v.freeFiles--
	e := p.room(v, 0)
	require.ErrorIs(t, e, errFull)
	require.ErrorContains(t, e, "inodes")
	require.Nil(t, p.room(volume{blockSize: 4096}, 1<<40), "an unknown size")
}

// The name of a file cannot write to the terminal.
func TestErrorText(t *testing.T) {
	e := &Error{Reason: ReasonReadOnly, Path: "/a\x1b[31m", Detail: "seen", Advice: "mount it", Err: syscall.EIO}
	require.EqualError(t, e, `"/a\x1b[31m": read-only file system: seen: `+syscall.EIO.Error()+` (mount it)`)
	e.Detail, e.Err = "", nil
	require.EqualError(t, e, `"/a\x1b[31m": read-only file system (mount it)`)
}
