// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package term

import (
	"io"
	"os"
)

// openTTY opens the controlling terminal of the process.
func openTTY() (in *os.File, out io.Writer, closeTTY func(), err error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, nil, err
	}
	return tty, tty, func() { tty.Close() }, nil
}
