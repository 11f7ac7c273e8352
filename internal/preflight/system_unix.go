// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package preflight

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

var (
	errReadOnly error = syscall.EROFS
	errFull     error = syscall.ENOSPC
)

func owner(info fs.FileInfo) (uid, gid int) {
	st := info.Sys().(*syscall.Stat_t)
	return int(st.Uid), int(st.Gid)
}

func openToAll(info fs.FileInfo) bool {
	return info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0
}

// mayReplace has nothing to add: here the rights are those of the directory.
func mayReplace(string) error { return nil }

// foreign finds an owner that the new file cannot be given. A group can be given
// by its members, and comes by itself from a setgid directory.
func foreign(path string, info, parent fs.FileInfo) *Error {
	uid, gid := owner(info)
	_, inherited := owner(parent)
	groups, err := os.Getgroups()
	own := uid == os.Geteuid()
	ours := err != nil || gid == os.Getegid() || slices.Contains(groups, gid) ||
		(parent.Mode()&fs.ModeSetgid != 0 && gid == inherited)
	if own && ours || mayChown(!own) {
		return nil
	}
	return &Error{
		Reason: ReasonForeignOwner, Path: path,
		Detail: fmt.Sprintf("belongs to user %d, group %d, and we are user %d", uid, gid, os.Geteuid()),
		Advice: "update as its owner, or as root", Err: syscall.EPERM,
	}
}

// sticky finds what only its owner, or that of the directory, may replace.
func sticky(path string, info, parent fs.FileInfo) *Error {
	uid, _ := owner(info)
	above, _ := owner(parent)
	if parent.Mode()&fs.ModeSticky == 0 || uid == os.Geteuid() || above == os.Geteuid() || mayActAsOwner() {
		return nil
	}
	return &Error{
		Reason: ReasonSticky, Path: path,
		Detail: fmt.Sprintf("only user %d or %d may replace it, and we are user %d", uid, above, os.Geteuid()),
		Advice: "update as its owner, or as root", Err: syscall.EPERM,
	}
}
