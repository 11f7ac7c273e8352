// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// openFlags are those that os.Root does not add itself: a fifo must not block, and a
// 32-bit system opens no file above 2 GiB without O_LARGEFILE.
const openFlags = unix.O_NONBLOCK | unix.O_LARGEFILE

const atSecure = 23 // AT_SECURE

// Elevated reports whether this process has more rights than the user who started it:
// the program is setuid or setgid, or has file capabilities.
func Elevated() bool {
	auxv, err := unix.Auxv()
	for _, entry := range auxv {
		if entry[0] == atSecure {
			return entry[1] != 0
		}
	}
	return err != nil || os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid()
}
