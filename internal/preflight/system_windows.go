// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"syscall"

	"golang.org/x/sys/windows"
)

var (
	errReadOnly error = syscall.EROFS
	errFull     error = syscall.ENOSPC
)

// mayChange opens the directory with the right to create files, and creates none: the
// access list is checked when it is opened.
func mayChange(dir string) error {
	return open(dir, windows.FILE_WRITE_DATA|windows.FILE_APPEND_DATA|windows.FILE_READ_ATTRIBUTES)
}

// mayReplace checks the right to rename the file, which may be a running program.
func mayReplace(target string) error { return open(target, windows.DELETE) }

func open(path string, access uint32) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(name, access, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return err
	}
	return windows.CloseHandle(h)
}

func volumeOf(dir string) (volume, bool) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return volume{}, false
	}
	v := volume{blockSize: 1}
	// The free bytes are those of the caller, with quotas.
	if windows.GetDiskFreeSpaceEx(name, &v.free, &v.blocks, nil) != nil {
		return volume{}, false
	}
	mount := make([]uint16, windows.MAX_LONG_PATH)
	var flags uint32
	if windows.GetVolumePathName(name, &mount[0], uint32(len(mount))) == nil &&
		windows.GetVolumeInformation(&mount[0], nil, 0, nil, nil, &flags, nil, 0) == nil {
		v.readOnly = flags&windows.FILE_READ_ONLY_VOLUME != 0
	}
	return v, true
}

func unchangeable(string) (detail string, ok bool) { return "", false }

func isMount(string) bool { return false }
