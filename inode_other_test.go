// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package updater_test

import "io/fs"

func inode(fs.FileInfo) string { return "" }
