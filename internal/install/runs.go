// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import "os"

// Running is whether a process runs a target.
type Running int

// Only Linux shows which file a process runs: elsewhere the system has the name of the
// program at best, and an update gives it to another file.
const (
	NotKnown Running = iota
	RunsTarget
	RunsAnother
)

// Runs reports whether this process runs the file target.
func Runs(target string) Running {
	own, err := os.Stat("/proc/self/exe")
	if err != nil {
		return NotKnown
	}
	file, err := os.Stat(target)
	if err != nil {
		return NotKnown
	}
	if os.SameFile(own, file) {
		return RunsTarget
	}
	return RunsAnother
}
