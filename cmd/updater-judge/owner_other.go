// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package main

// becomeOwner does nothing: here a process does not become another user.
func becomeOwner(string) error { return nil }
