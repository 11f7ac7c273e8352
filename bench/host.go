// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// host describes the machine of the measurements.
type host struct {
	Go         string `json:"go"`
	Platform   string `json:"platform"`
	Processor  string `json:"processor"`
	CPUs       int    `json:"cpus"`
	FileSystem string `json:"filesystem"` // of the targets
}

func describeHost(dir string) host {
	return host{
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(),
		Processor: processor(readIfExists("/proc/cpuinfo")), FileSystem: fileSystem(readIfExists("/proc/self/mounts"), dir),
	}
}

// readIfExists returns the content of a file, or "" if it cannot be read.
func readIfExists(name string) string {
	content, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(content)
}

func processor(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// fileSystem returns the type of the file system that contains dir.
func fileSystem(mounts, dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "unknown"
	}
	found, longest := "unknown", 0
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		point := strings.TrimSuffix(fields[1], "/") + "/"
		// Of two mounts on one directory, the later one counts.
		if strings.HasPrefix(dir+"/", point) && len(point) >= longest {
			found, longest = fields[2], len(point)
		}
	}
	return found
}

// volatile reports whether a file system is in memory.
func volatile(fs string) bool { return fs == "tmpfs" || fs == "ramfs" }

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
