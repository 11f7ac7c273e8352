// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

const (
	// renamesAside is true: on Windows a running program can be renamed, but not
	// replaced.
	renamesAside = true
	sealFlag     = os.O_RDWR // FlushFileBuffers needs it
)

func links(f *os.File) (uint64, error) {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info); err != nil {
		return 0, fmt.Errorf("counting the links to %q: %w", f.Name(), err)
	}
	return uint64(info.NumberOfLinks), nil
}

// removeAtBoot asks Windows to remove a file in use at the next boot, which only an
// administrator may. For other users the next update removes it.
func removeAtBoot(path string) {
	if name, err := windows.UTF16PtrFromString(path); err == nil {
		_ = windows.MoveFileEx(name, nil, windows.MOVEFILE_DELAY_UNTIL_REBOOT)
	}
}
