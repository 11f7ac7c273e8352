// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package peak lets a measured program report its peak memory.
package peak

import (
	"os"
	"strconv"
	"strings"
)

// Prefix starts the line with the peak memory in bytes.
const Prefix = "peak="

// Line is the line that a program prints before it exits.
func Line() string { return Prefix + strconv.FormatInt(Bytes(), 10) }

// Bytes returns the peak resident memory of this process, or 0 if it is unknown.
//
// The parent cannot measure it: on Linux, the value of wait4 starts at the resident size
// of the process that forked.
func Bytes() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	return parse(string(status))
}

func parse(status string) int64 {
	for line := range strings.Lines(status) {
		rest, ok := strings.CutPrefix(line, "VmHWM:")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil {
			return 0
		}
		return n << 10
	}
	return 0
}
