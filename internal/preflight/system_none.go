// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix && !windows

package preflight

import "errors"

// Plan 9 has no such errors, and nothing here returns them.
var (
	errReadOnly = errors.ErrUnsupported
	errFull     = errors.ErrUnsupported
)

func mayChange(string) error { return nil }

func mayReplace(string) error { return nil }
