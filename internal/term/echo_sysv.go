// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build aix || linux || solaris

package term

import "golang.org/x/sys/unix"

const readMode, writeMode = unix.TCGETS, unix.TCSETS
