// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package preflight

import "io/fs"

// If there are access rights on these systems, they are inherited access lists.

func openToAll(fs.FileInfo) bool { return false }

func foreign(path string, info, parent fs.FileInfo) *Error { return nil }

func sticky(path string, info, target, parent fs.FileInfo) *Error { return nil }

func mayRead(string) error { return nil }

func hasCapabilities(string) bool { return false }

func maySetCapabilities() bool { return true }

func onOverlay(root, dir string) bool { return false }
