// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"os"
	"syscall"
)

const (
	// renamesAside is false: on Unix a running program can be replaced by rename.
	renamesAside = false
	// sealFlag is enough for fsync and fchmod. A file that is open for writing could
	// not be executed when it is installed (ETXTBSY).
	sealFlag = os.O_RDONLY
)

func links(f *os.File) (uint64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return uint64(info.Sys().(*syscall.Stat_t).Nlink), nil
}

// removeAtBoot does nothing: on Unix a running program can be removed.
func removeAtBoot(string) {}
