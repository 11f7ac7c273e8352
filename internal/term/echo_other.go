// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !(aix || darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris || windows)

package term

import "errors"

func hideInput(int) (restore func() error, err error) {
	return nil, errors.New("echo cannot be switched off on this system")
}
