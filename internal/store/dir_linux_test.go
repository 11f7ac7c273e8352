// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/faults"
	"github.com/choria-io/go-updater/internal/testing/sys"
)

// Another process replaces two files, and is killed at every file-system call, or
// has it fail. Each file then holds all of its old or all of its new data, the first
// file is not older than the second, and a second run finishes the update.
func TestUpdateThatIsInterruptedAtEveryCall(t *testing.T) {
	for name, action := range map[string]faults.Action{"killed": faults.Kill, "EIO": faults.Fail(syscall.EIO)} {
		t.Run(name, func(t *testing.T) {
			replaced := 0
			for n := 1; ; n++ {
				dir := t.TempDir()
				d := In(dir, "target")
				require.NoError(t, d.Write(File{"first", []byte("first, old")}, File{"second", []byte("second, old")}))
				res, err := faults.Run(t.Context(), otherProcess(t, dir), faults.Watch{Dirs: []string{dir}}, faults.At(n, action))
				if errors.Is(err, errors.ErrUnsupported) {
					t.Skip("NOT PROVEN: ", err)
				}
				require.NoError(t, err)
				if len(res.Calls) < n {
					require.Zero(t, res.Exit, string(res.Output))
					require.Greater(t, n, 10)
					require.Positive(t, replaced)
					return
				}
				where := res.Calls[n-1].String()

				first, err := d.Read("first", 1<<10)
				require.NoError(t, err, where)
				second, err := d.Read("second", 1<<10)
				require.NoError(t, err, where)
				require.Contains(t, []string{"first, old", "first, new"}, string(first), where)
				require.Contains(t, []string{"second, old", "second, new"}, string(second), where)
				if string(second) == "second, new" {
					require.Equal(t, "first, new", string(first), where)
					replaced++
				}
				if res.Exit == 0 {
					require.Equal(t, "second, new", string(second), "success is reported: %s", where)
				}

				out, err := otherProcess(t, dir).CombinedOutput()
				require.NoError(t, err, "%s: %s", where, out)
				require.Equal(t, []string{"first", "second"}, namesIn(t, d), where)
				requireHolds(t, d, "first", "first, new")
				requireHolds(t, d, "second", "second, new")
			}
		})
	}
}

// All data is synced before the first rename, and the directory after the last one.
func TestUpdateSyncsBeforeItRenames(t *testing.T) {
	dir := t.TempDir()
	res, err := faults.Run(t.Context(), otherProcess(t, dir), faults.Watch{Dirs: []string{dir}}, nil)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("NOT PROVEN: ", err)
	}
	require.NoError(t, err)
	require.Zero(t, res.Exit, string(res.Output))
	var order []string
	for _, c := range res.Calls {
		switch c.Name {
		case "fsync", "fdatasync":
			order = append(order, "sync")
		case "rename", "renameat", "renameat2":
			order = append(order, "rename "+filepath.Base(c.To))
		}
	}
	require.Equal(t, []string{"sync", "sync", "rename first", "rename second", "sync"}, order)
}

// A user who may write beside the target, and is not its owner, does not make the
// directory: the owner could not use it.
func TestUserWhoCannotUpdateMakesNoDirectory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT PROVEN: another user needs root")
	}
	const owner, group, other = 54322, 54321, 54323
	dir, err := os.MkdirTemp("", "dir-test-") // others can enter it
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chmod(dir, 0o777|fs.ModeSticky))
	target := filepath.Join(dir, "target")
	require.NoError(t, os.WriteFile(target, nil, 0o755))
	require.NoError(t, os.Chown(target, owner, group))
	d := Beside(filepath.Join(dir, "work"), target)

	sys.AsUser(t, other, group, func() { err = d.Write(File{"name", nil}) })
	require.ErrorIs(t, err, fs.ErrPermission)
	require.ErrorContains(t, err, "StateDir()")
	require.NoDirExists(t, d.Path())

	sys.AsUser(t, other, group, func() { err = In(filepath.Join(dir, "state"), target).Write(File{"name", nil}) })
	require.NoError(t, err, "a directory that the user chose is theirs")

	sys.AsUser(t, owner, group, func() { err = d.Write(File{"name", []byte("owner")}) })
	require.NoError(t, err)
	sys.AsUser(t, other, group, func() { _, err = d.Read("name", 10) })
	require.ErrorIs(t, err, ErrForeign)
}
