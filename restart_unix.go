// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package updater

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// maxBusy is how long startInstead waits for other processes that have the target open
// for writing: a child that another goroutine just forked has all files until its exec.
const maxBusy = time.Second

func startInstead(target string, args []string) error {
	for pause := time.Millisecond; ; pause *= 2 {
		err := syscall.Exec(target, args, os.Environ())
		if !errors.Is(err, syscall.ETXTBSY) || pause > maxBusy {
			return err
		}
		time.Sleep(pause)
	}
}
