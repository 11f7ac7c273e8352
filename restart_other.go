// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !unix && !windows

package updater

import "errors"

func startInstead(string, []string) error { return errors.ErrUnsupported }
