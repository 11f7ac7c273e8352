// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !windows && !darwin && !freebsd

package attrs

import "os"

// Copy does nothing here.
func Copy(dst, src *os.File) (lost []string, err error) { return nil, nil }
