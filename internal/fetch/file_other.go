// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package fetch

// openFlags is 0: opening a file does not wait here.
const openFlags = 0
