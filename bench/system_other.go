// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package main

import "os/exec"

// flush does nothing: there is no such call.
func flush() {}

// apart leaves cmd as it is: it is killed when it is to end.
func apart(*exec.Cmd) {}
