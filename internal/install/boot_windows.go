// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"time"

	"golang.org/x/sys/windows"
)

// sinceBoot returns how long ago the machine was booted, suspended time included.
func sinceBoot() time.Duration { return windows.DurationSinceBoot() }

// bootID returns "": the system does not name its boots.
func bootID() string { return "" }
