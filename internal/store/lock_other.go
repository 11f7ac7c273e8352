// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package store

import (
	"errors"
	"io/fs"
	"os"
)

// tryLock fails: without a lock that the system releases when its holder dies, two
// updates at once cannot be prevented.
func tryLock(*os.File) error { return errors.ErrUnsupported }

func tryLockShared(*os.File) error { return errors.ErrUnsupported }

func keepOpen(*os.File) error { return errors.ErrUnsupported }

func unlock(*os.File) error { return nil }

func share(*os.File, fs.FileInfo) {}
