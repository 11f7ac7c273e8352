// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package trial

import "syscall"

func groupAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitExit is not possible here. So the group is killed right after the process
// was waited for: its number would have to be given out again in that moment.
func awaitExit(int) bool { return false }

// newMark marks nothing: here no process may look at the environment of others.
func newMark() string { return "" }

func killMarked(string) {}
