// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package updater_test

import (
	"io/fs"
	"testing"
)

func inode(fs.FileInfo) string { return "" }

func skipWithoutModes(t *testing.T) {
	t.Skip("NOT APPLICABLE: directories have no modes on this system")
}
