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

// host is where the numbers come from.
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
		Processor: processor(readOr("/proc/cpuinfo")), FileSystem: fileSystem(readOr("/proc/self/mounts"), dir),
	}
}

// readOr returns nothing where the system has no such file.
func readOr(name string) string {
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

// fileSystem is the type of the innermost mount that dir is in.
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
		// Of two at one place the later is on top.
		if strings.HasPrefix(dir+"/", point) && len(point) >= longest {
			found, longest = fields[2], len(point)
		}
	}
	return found
}

// volatile file systems have no disk to wait for.
func volatile(fs string) bool { return fs == "tmpfs" || fs == "ramfs" }

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
