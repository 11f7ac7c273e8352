// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package trial

import "syscall"

func groupAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitExit is not possible here. So the group is killed right after the process
// was waited for, in the hope that its id was not reused in between.
func awaitExit(int) bool { return false }
