// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"os"

	"golang.org/x/sys/unix"
)

// mayChange checks the rights of the effective user, with which a setuid program
// writes.
func mayChange(dir string) error {
	return unix.Faccessat(unix.AT_FDCWD, dir, unix.R_OK|unix.W_OK|unix.X_OK, unix.AT_EACCESS)
}

// volumeOf describes the mount, not only the file system: a bind mount has its own
// flags.
func volumeOf(dir string) (volume, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return volume{}, false
	}
	flags := uint64(st.Flags)
	size := uint64(st.Frsize)
	if size == 0 {
		size = uint64(st.Bsize)
	}
	return volume{
		readOnly:  flags&unix.MS_RDONLY != 0, // ST_RDONLY and ST_NOEXEC are the same bits
		noExec:    flags&unix.MS_NOEXEC != 0,
		blockSize: size,
		blocks:    st.Blocks,
		free:      st.Bavail,
		files:     st.Files,
		freeFiles: st.Ffree,
	}, true
}

// attributes does not open the file, which may be forbidden.
func attributes(path string) uint64 {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, 0, &st); err != nil {
		return 0
	}
	return st.Attributes & st.Attributes_mask
}

func unchangeable(path string) (detail string, ok bool) {
	switch attr := attributes(path); {
	case attr&unix.STATX_ATTR_IMMUTABLE != 0:
		return "it has the attribute i", true
	case attr&unix.STATX_ATTR_APPEND != 0:
		return "it has the attribute a (append only)", true
	}
	return "", false
}

func isMount(path string) bool { return attributes(path)&unix.STATX_ATTR_MOUNT_ROOT != 0 }

// onOverlay reports whether dir is on the root file system, and that is an overlay, or
// FUSE, which container engines use without root.
func onOverlay(root, dir string) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(root, &st); err != nil {
		return false
	}
	if kind := uint32(st.Type); kind != unix.OVERLAYFS_SUPER_MAGIC && kind != unix.FUSE_SUPER_MAGIC {
		return false
	}
	// Not of the file: overlays may report the device of its layer.
	var a, b unix.Stat_t
	return unix.Stat(root, &a) == nil && unix.Stat(dir, &b) == nil && a.Dev == b.Dev
}

// mayChown needs CAP_FOWNER to set the mode after the file was given away.
func mayChown(away bool) bool {
	return capable(unix.CAP_CHOWN) && (!away || capable(unix.CAP_FOWNER))
}

func mayActAsOwner() bool { return capable(unix.CAP_FOWNER) }

func mayRead(path string) error {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS)
}

func hasCapabilities(path string) bool {
	n, err := unix.Lgetxattr(path, "security.capability", nil)
	return n > 0 && err == nil
}

func maySetCapabilities() bool { return capable(unix.CAP_SETFCAP) }

func capable(which int) bool {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return os.Geteuid() == 0
	}
	return data[which/32].Effective&(1<<(which%32)) != 0
}
