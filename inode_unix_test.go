// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package updater_test

import (
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

func inode(info fs.FileInfo) string {
	st := info.Sys().(*syscall.Stat_t)
	if info.IsDir() {
		return fmt.Sprint(st.Uid)
	}
	return fmt.Sprint(st.Ino, st.Uid, st.Gid, st.Nlink)
}

func skipWithoutModes(*testing.T) {}
