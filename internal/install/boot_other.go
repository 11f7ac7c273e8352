// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !windows && !darwin && !freebsd && !netbsd && !openbsd && !dragonfly

package install

import "time"

// sinceBoot is not known here: probation ends by starts only.
func sinceBoot() time.Duration { return 0 }

// bootID returns "": the system does not name its boots.
func bootID() string { return "" }
