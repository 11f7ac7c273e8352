// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package preflight

import (
	"os"

	"golang.org/x/sys/unix"
)

// mayChange cannot check a setuid program: access(2) is about the real user.
func mayChange(dir string) error {
	if os.Getuid() != os.Geteuid() {
		return nil
	}
	return unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK)
}

func onOverlay(root, dir string) bool { return false }

func mayRead(path string) error {
	if os.Getuid() != os.Geteuid() {
		return nil
	}
	return unix.Access(path, unix.R_OK)
}

func hasCapabilities(string) bool { return false }

func maySetCapabilities() bool { return true }

func mayChown(bool) bool { return os.Geteuid() == 0 }

func mayActAsOwner() bool { return os.Geteuid() == 0 }
