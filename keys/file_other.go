// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package keys

import (
	"io/fs"
	"os"
)

// keepOwner does nothing: a new file inherits the access control list of its
// directory.
func keepOwner(*os.File, fs.FileInfo) error { return nil }

// syncDir does nothing: these systems cannot sync a directory.
func syncDir(string) error { return nil }
