// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package race lets tests skip themselves under the race detector. A test does so
// if the detector has nothing to find in it and makes it too slow. Tests without
// the detector run it all the same.
package race

import (
	"fmt"
	"os"
	"testing"
)

// Skip skips a test under the race detector, for the given reason.
func Skip(t testing.TB, why string) {
	t.Helper()
	if Enabled {
		t.Skip("race detector: " + why)
	}
}

// SkipPackage is Skip for all tests of a package. Call it first in TestMain.
func SkipPackage(why string) {
	if Enabled {
		fmt.Println("skipping all tests: race detector: " + why)
		os.Exit(0)
	}
}
