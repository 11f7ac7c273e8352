// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
)

// restart starts the program that lies at self now. Windows cannot exchange the
// program of a process, so this one ends and another one goes on.
func restart(self string) error {
	next := exec.Command(self)
	next.Stdin, next.Stdout, next.Stderr = os.Stdin, os.Stdout, os.Stderr
	return next.Start()
}
