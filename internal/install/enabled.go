// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !noselfupdate

package install

// Disabled is true in programs that a distribution builds with the tag
// noselfupdate, because it updates them itself.
const Disabled = false
