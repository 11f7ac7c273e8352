// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

const (
	// renamesAside is true: the file of a running program can be renamed, but
	// not be replaced.
	renamesAside = true
	sealFlag     = os.O_RDWR // FlushFileBuffers needs it
)

func links(f *os.File) (uint64, error) {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info); err != nil {
		return 0, fmt.Errorf("counting the names of %q: %w", f.Name(), err)
	}
	return uint64(info.NumberOfLinks), nil
}

// removeAtBoot asks Windows to remove a file that is in use when it starts next,
// which it does for administrators only. To others, the next update removes it.
func removeAtBoot(path string) {
	if name, err := windows.UTF16PtrFromString(path); err == nil {
		_ = windows.MoveFileEx(name, nil, windows.MOVEFILE_DELAY_UNTIL_REBOOT)
	}
}

// checkParent has nothing to look at: rights are inherited ACLs here.
func checkParent(string, fs.FileInfo) error { return nil }

func checkPrivate(path string, info fs.FileInfo) error {
	if !info.IsDir() {
		return fmt.Errorf("%w: %q is no directory (remove it)", ErrUnsafeDirectory, path)
	}
	return nil
}
