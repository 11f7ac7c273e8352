// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriting asks the disk to begin with n bytes of f. Nothing is promised by
// that, and nothing depends on it.
func startWriting(f *os.File, offset, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, n, unix.SYNC_FILE_RANGE_WRITE)
}
