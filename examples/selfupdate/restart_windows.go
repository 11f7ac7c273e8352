// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
)

// restart starts the program at self. Windows cannot replace the program of a process,
// so this process ends and the new one continues.
func restart(self string) error {
	next := exec.Command(self)
	next.Stdin, next.Stdout, next.Stderr = os.Stdin, os.Stdout, os.Stderr
	return next.Start()
}
