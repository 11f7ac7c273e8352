// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import "syscall"

// becomeRoot also changes the real user of a setuid program.
func becomeRoot() error { return syscall.Setuid(0) }
