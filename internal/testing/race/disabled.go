// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package race

// Enabled reports whether the race detector watches this binary.
const Enabled = false
