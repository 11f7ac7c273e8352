// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package peak lets a measured program tell how much memory it had.
package peak

import (
	"os"
	"strconv"
	"strings"
)

// Prefix begins the line in which a program tells its peak memory in bytes.
const Prefix = "peak="

// Line is what the program prints at its end.
func Line() string { return Prefix + strconv.FormatInt(Bytes(), 10) }

// Bytes is the most memory that this process had resident, or 0 where the
// system does not tell.
//
// The program asks for itself because its parent would be told too much: what
// wait4 reports begins, on Linux, at the resident size of the process that
// forked, so that a small child of a large parent looks large.
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
