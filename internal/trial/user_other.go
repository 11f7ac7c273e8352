// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package trial

import "os"

// runAs does nothing: no program runs as another user here.
func runAs(*os.ProcAttr, int) error { return nil }
