// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/faults"
)

const syncEnv = "KEYS_TEST_SYNC"

// Without a sync of the file and its directory, a power cut loses a key that was
// reported as written.
func TestKeyFilesAreSynced(t *testing.T) {
	if dir := os.Getenv(syncEnv); dir != "" {
		created := File{filepath.Join(dir, "new.key"), []byte("new"), 0o600}
		require.NoError(t, errors.Join(CreateFiles(created), ReplaceFile(filepath.Join(dir, "old.key"), []byte("new"))))
		return
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "old.key"), []byte("old"), 0o600))
	// trace counts the syncs of files and of the directory, before and after the
	// rename, and makes one of them fail.
	trace := func(fail int) (files, dirs [2]int, exit int) {
		renamed, syncs := 0, 0
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), syncEnv+"="+dir)
		res, err := faults.Run(t.Context(), cmd, faults.Watch{Dirs: []string{dir}}, func(c faults.Call) faults.Action {
			switch {
			case c.Name == "fsync" && c.Path == dir:
				dirs[renamed]++
			case c.Name == "fsync":
				files[renamed]++
			case c.To != "":
				renamed = 1
			}
			if c.Name == "fsync" {
				if syncs++; syncs == fail {
					return faults.Fail(syscall.EIO)
				}
			}
			return faults.Pass
		})
		if errors.Is(err, faults.ErrUnsupported) {
			t.Skip("NOT PROVEN: ", err)
		}
		require.NoError(t, err)
		return files, dirs, res.Exit
	}
	files, dirs, exit := trace(0)
	require.Zero(t, exit)
	require.Equal(t, [2]int{2, 0}, files, "the new file, and the replacement before it is renamed")
	require.Equal(t, [2]int{1, 1}, dirs, "after each change of the directory")
	require.Equal(t, []string{"new.key", "old.key"}, names(t, dir))
	for fail := 1; fail <= 4; fail++ {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "new.key")))
		_, _, exit = trace(fail)
		require.NotZero(t, exit, "a failed sync is an error")
		want := []string{"new.key", "old.key"}
		if fail <= 2 {
			want = want[1:] // the syncs of new.key and its directory
		}
		require.Equal(t, want, names(t, dir))
	}
}
