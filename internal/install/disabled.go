// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build noselfupdate

package install

// Disabled is true: see enabled.go.
const Disabled = true
