// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package main

// flush does nothing: there is no such call.
func flush() {}
