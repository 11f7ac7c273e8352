// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build aix || darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris

package term

import "golang.org/x/sys/unix"

// hideInput switches echo off. What was typed before stays to be read. Lines are
// edited by the terminal, and Ctrl-C is a signal.
func hideInput(fd int) (restore func() error, err error) {
	before, err := unix.IoctlGetTermios(fd, readMode)
	if err != nil {
		return nil, err
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, writeMode, &hidden); err != nil {
		return nil, err
	}
	return func() error { return unix.IoctlSetTermios(fd, writeMode, before) }, nil
}
