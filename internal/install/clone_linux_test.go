// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/choria-io/go-updater/internal/testing/faults"
)

// On a file system that can share blocks, the copied backup of a target with a second
// name needs none.
func TestCopiedBackupSharesBlocks(t *testing.T) {
	const size = 32 << 20
	dir := filepath.Join(faults.NewDisk(t, faults.XFS).Dir, "bin")
	require.NoError(t, os.Mkdir(dir, 0o755))
	target := filepath.Join(dir, "tool")
	content := bytes.Repeat(oldBytes, size/len(oldBytes))
	require.NoError(t, os.WriteFile(target, content, 0o755))
	require.NoError(t, os.Link(target, filepath.Join(dir, "second")))
	free := func() uint64 {
		unix.Sync()
		var st unix.Statfs_t
		require.NoError(t, unix.Statfs(dir, &st))
		return st.Bfree * uint64(st.Bsize)
	}
	before := free()
	update(t, target, newBytes)
	requireFile(t, target+".backup", content)
	require.Less(t, int64(before)-int64(free()), int64(size/4))
}
