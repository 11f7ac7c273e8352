// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command broken is a release of agent that does not work, and knows nothing of updates.
package main

import (
	"os"
	"time"
)

// Set by the linker.
var kind, version, after string

func init() {
	switch kind {
	case "segfault":
		var nowhere *int
		*nowhere = 1
	case "hang":
		time.Sleep(time.Hour)
	}
}

func main() {
	wait, err := time.ParseDuration(after)
	if err != nil {
		panic(version + ": " + err.Error())
	}
	time.Sleep(wait)
	os.Exit(1)
}
