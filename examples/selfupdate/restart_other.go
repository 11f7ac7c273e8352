// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package main

import (
	"os"
	"syscall"
)

// restart replaces this process by the program at self. It returns only on error.
func restart(self string) error {
	return syscall.Exec(self, []string{self}, os.Environ())
}
