// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package fetch

import "golang.org/x/sys/unix"

// openFlags keep open(2) from waiting for the writer of a fifo, and from making a
// terminal the controlling one.
const openFlags = unix.O_NONBLOCK | unix.O_NOCTTY
