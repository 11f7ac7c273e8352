// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package fetch

// noWaiting is nothing where no file makes open wait.
const noWaiting = 0
