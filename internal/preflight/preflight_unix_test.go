// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package preflight

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPipe(t *testing.T) {
	path := filepath.Join(filepath.Dir(newTarget(t)), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o755))
	requireOne(t, look(t, quiet(t), Question{Target: path}), ReasonNotRegular, path, nil)
}

func TestUnsafeDirectory(t *testing.T) {
	top := filepath.Dir(newTarget(t))
	dir := filepath.Join(top, "bin")
	require.NoError(t, os.Mkdir(dir, 0o755))
	q := Question{Target: program(t, dir, "tool")}
	for _, open := range []string{dir, top} {
		require.NoError(t, os.Chmod(open, 0o777))
		requireOne(t, look(t, quiet(t), q), ReasonUnsafeDirectory, open, ErrUnsafeDirectory)
		require.NoError(t, os.Chmod(open, 0o777|os.ModeSticky))
		require.Empty(t, look(t, quiet(t), q).Problems)
		require.NoError(t, os.Chmod(open, 0o755))
	}
}

func TestLongNames(t *testing.T) {
	dir := filepath.Dir(newTarget(t))
	target := program(t, dir, strings.Repeat("n", 250))
	backup := target + ".backup"
	require.Empty(t, look(t, quiet(t), Question{Target: target}).Problems)
	r := look(t, quiet(t), Question{Target: target, Beside: []string{backup}})
	requireOne(t, r, ReasonNameTooLong, backup, syscall.ENAMETOOLONG)
}

// A path of 4000 bytes, below the limit of 4096 on Linux.
func TestLongPath(t *testing.T) {
	top := filepath.Dir(newTarget(t))
	root, err := os.OpenRoot(top)
	require.NoError(t, err)
	defer root.Close()
	rest := 4000 - len(top) - len("/tool")
	name := strings.Repeat("/"+strings.Repeat("d", 199), rest/200)[1:]
	if left := rest % 200; left > 1 {
		name += "/" + strings.Repeat("d", left-1)
	}
	require.NoError(t, root.MkdirAll(name, 0o755))
	t.Cleanup(func() {
		root, err := os.OpenRoot(top)
		require.NoError(t, err)
		require.NoError(t, root.RemoveAll(strings.Repeat("d", 199)))
		root.Close()
	})
	target := filepath.Join(top, name, "tool")
	require.InDelta(t, 4000, len(target), 1)
	if err := os.WriteFile(target, nil, 0o755); err != nil {
		t.Skipf("NOT PROVEN: needs a system with paths of %d bytes: %v", len(target), err)
	}
	r := look(t, quiet(t), Question{Target: target, Beside: []string{target + ".backup"}, Room: 1})
	require.Equal(t, &Report{Target: target}, r)

	work := filepath.Join(filepath.Dir(target), strings.Repeat("w", 100))
	r = look(t, quiet(t), Question{Target: target, Beside: []string{work}})
	requireOne(t, r, ReasonNameTooLong, work, syscall.ENAMETOOLONG)
}
