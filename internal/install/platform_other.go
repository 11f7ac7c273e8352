// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package install

import (
	"fmt"
	"io/fs"
	"os"
)

const (
	// renamesAside is true: the file of a running program can be renamed, but
	// not be replaced.
	renamesAside = true
	syncsDirs    = false
	sealFlag     = os.O_RDWR // FlushFileBuffers needs it
)

func owner(fs.FileInfo) (uid, gid int) { return 0, 0 }

func links(fs.FileInfo) uint64 { return 1 }

func cannotSync(error) bool { return false }

// checkParent has nothing to look at: rights are inherited ACLs here.
func checkParent(string, fs.FileInfo) error { return nil }

func checkOwned(path string, info fs.FileInfo) error { return checkPrivate(path, info) }

func checkPrivate(path string, info fs.FileInfo) error {
	if !info.IsDir() {
		return fmt.Errorf("%w: %q is no directory (remove it)", ErrUnsafeDirectory, path)
	}
	return nil
}
