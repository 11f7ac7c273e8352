// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package preflight

import "io/fs"

// Rights are inherited access lists here, if there are any.

func openToAll(fs.FileInfo) bool { return false }

func foreign(path string, info, parent fs.FileInfo) *Error { return nil }

func sticky(path string, info, parent fs.FileInfo) *Error { return nil }

func onLayers(root, dir string) bool { return false }
