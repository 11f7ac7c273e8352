// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package main

import "os/exec"

// syncDisks does nothing: this system has no such call.
func syncDisks() {}

// ownGroup does nothing: cancelling kills cmd.
func ownGroup(*exec.Cmd) {}
