// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"os"
)

// CheckOwned refuses a directory that another user than we and root may write to,
// and a symbolic link in its place.
func CheckOwned(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	return checkOwned(dir, info)
}

// MayUpdate reports whether we could give a new file the owner of target: the
// owner can, and root.
func MayUpdate(target string) bool {
	info, err := os.Stat(target)
	if err != nil {
		return false
	}
	uid, _ := Owner(info)
	us := os.Geteuid() // Windows: -1
	return us <= 0 || us == uid
}
