// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build darwin || freebsd

package preflight

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func volumeOf(dir string) (volume, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return volume{}, false
	}
	return volume{
		readOnly:  uint64(st.Flags)&unix.MNT_RDONLY != 0,
		noExec:    uint64(st.Flags)&unix.MNT_NOEXEC != 0,
		blockSize: uint64(st.Bsize),
		blocks:    st.Blocks,
		free:      uint64(max(0, int64(st.Bavail))), // negative if the reserve is in use
		files:     st.Files,
		freeFiles: uint64(max(0, int64(st.Ffree))),
	}, true
}

// The flags of chflags(2), the same on both systems; only Darwin has the last.
const (
	userFlags   = 0x2 | 0x4 | 0x10             // UF_IMMUTABLE, UF_APPEND, UF_NOUNLINK
	systemFlags = 0x20000 | 0x40000 | 0x100000 // SF_IMMUTABLE, SF_APPEND, SF_NOUNLINK
	restricted  = 0x80000                      // SF_RESTRICTED
)

func unchangeable(path string) (detail string, ok bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", false
	}
	switch flags := info.Sys().(*syscall.Stat_t).Flags; {
	case flags&restricted != 0:
		return "the system protects it", true
	case flags&(userFlags|systemFlags) != 0:
		return "it has an immutable, append-only or nounlink flag", true
	}
	return "", false
}

func isMount(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && unix.ByteSliceToString(st.Mntonname[:]) == path
}
