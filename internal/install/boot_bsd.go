// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package install

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot returns how long ago the machine was booted. These systems correct the time
// of the boot when the clock is set.
func sinceBoot() time.Duration {
	boot, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return 0
	}
	return max(time.Since(time.Unix(boot.Unix())), 0)
}

// bootID returns "": the time of the boot is corrected when the clock is set.
func bootID() string { return "" }
