// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"slices"
	"strings"
)

// platforms are the pairs of GOOS and GOARCH that Go supports: the output of
// "go tool dist list", and windows/arm, which Go 1.26 dropped.
var platforms = map[string]string{
	"aix":       "ppc64",
	"android":   "386 amd64 arm arm64",
	"darwin":    "amd64 arm64",
	"dragonfly": "amd64",
	"freebsd":   "386 amd64 arm arm64",
	"illumos":   "amd64",
	"ios":       "amd64 arm64",
	"js":        "wasm",
	"linux":     "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x",
	"netbsd":    "386 amd64 arm arm64",
	"openbsd":   "386 amd64 arm arm64 ppc64 riscv64",
	"plan9":     "386 amd64 arm",
	"solaris":   "amd64",
	"wasip1":    "wasm",
	"windows":   "386 amd64 arm arm64",
}

// checkPlatform returns [ErrRequest] if Go does not support the platform: no
// client would look for its release.
func checkPlatform(os, arch string) error {
	archs := strings.Fields(platforms[os])
	switch {
	case len(archs) == 0:
		return invalid("unknown operating system %q", os)
	case !slices.Contains(archs, arch):
		return invalid("unknown platform \"%s/%s\" (architectures for %s: %s)", os, arch, os, strings.Join(archs, ", "))
	}

	return nil
}

// allPlatforms lists what to look for in a repository that cannot be listed.
func allPlatforms() []Location {
	var out []Location
	for os, archs := range platforms {
		for _, arch := range strings.Fields(archs) {
			out = append(out, Location{OS: os, Arch: arch})
		}
	}
	sortLocations(out)

	return out
}
