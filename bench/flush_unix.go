// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import "syscall"

// flush writes to disk what waits to be written.
func flush() { syscall.Sync() }
