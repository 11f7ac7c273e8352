// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"os"
	"syscall"
)

// becomeRoot sets the real user of a setuid program too.
func becomeRoot() error { return syscall.Setuid(0) }

// leaveGroup joins the group of the parent.
func leaveGroup() error {
	group, err := syscall.Getpgid(os.Getppid())
	if err != nil {
		return err
	}
	return syscall.Setpgid(0, group)
}
