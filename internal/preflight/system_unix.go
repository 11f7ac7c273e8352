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

// mayReplace always allows: on Unix the rights of the directory decide.
func mayReplace(string) error { return nil }

// foreign finds an owner or group that the new file cannot have. A member of a group
// can set it, and files in a setgid directory inherit it.
func foreign(path string, info, parent fs.FileInfo) *Error {
	uid, gid := owner(info)
	_, inherited := owner(parent)
	groups, err := os.Getgroups()
	own := uid == os.Geteuid()
	ours := err != nil || gid == os.Getegid() || slices.Contains(groups, gid) ||
		(parent.Mode()&fs.ModeSetgid != 0 && gid == inherited)
	if own && (ours || mayChown(false)) || os.Geteuid() == 0 && mayChown(!own) {
		return nil
	}
	e := &Error{
		Reason: ReasonForeignOwner, Path: path, Err: syscall.EPERM,
		Detail: fmt.Sprintf("belongs to user %d and group %d, this is user %d", uid, gid, os.Geteuid()),
		Advice: "update as its owner, or as root",
	}
	if own {
		e.Detail = fmt.Sprintf("belongs to group %d, which user %d is not in", gid, uid)
		e.Advice = fmt.Sprintf("give it a group of yours (chgrp), have user %d added to its group, or update as root", uid)
	}
	return e
}

// sticky finds a file that only its owner, or that of the directory, may replace.
func sticky(path string, info, target, parent fs.FileInfo) *Error {
	uid, _ := owner(info)
	above, _ := owner(parent)
	if parent.Mode()&fs.ModeSticky == 0 || uid == os.Geteuid() || above == os.Geteuid() || mayActAsOwner() {
		return nil
	}
	e := &Error{
		Reason: ReasonSticky, Path: path, Err: syscall.EPERM,
		Detail: fmt.Sprintf("only user %d or %d may replace it, this is user %d", uid, above, os.Geteuid()),
		Advice: "update as its owner, or as root",
	}
	if of, _ := owner(target); of == os.Geteuid() {
		e.Advice = fmt.Sprintf("have user %d or root remove it", uid) // another user's, beside our target
	}
	return e
}
