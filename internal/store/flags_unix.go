// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package store

import (
	"os"
	"syscall"
)

// openFlags are those that os.Root does not add itself: a fifo must not block.
const openFlags = syscall.O_NONBLOCK

// Elevated reports whether this process has more rights than the user who started it:
// the program is setuid or setgid.
func Elevated() bool { return os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid() }
