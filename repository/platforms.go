// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"fmt"
	"strings"
)

// platforms are the pairs of GOOS and GOARCH that Go builds for: the output of
// "go tool dist list", and windows/arm, which Go dropped with 1.26 and older
// releases still build.
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

// CheckPlatform refuses with ErrPlatform a pair that Go does not build for: a
// release under it would never be found.
func CheckPlatform(os, arch string) error {
	list, ok := platforms[os]
	if !ok {
		return fmt.Errorf("%w %q/%q: Go builds for no system of that name", ErrPlatform, os, arch)
	}
	known := strings.Fields(list)
	for _, a := range known {
		if a == arch {
			return nil
		}
	}

	return fmt.Errorf("%w %q/%q: for %s Go builds %s", ErrPlatform, os, arch, os, strings.Join(known, ", "))
}

// allPlatforms lists what a repository may hold, for sources that cannot be
// listed.
func allPlatforms() []Location {
	var out []Location
	for os, list := range platforms {
		for _, arch := range strings.Fields(list) {
			out = append(out, Location{OS: os, Arch: arch})
		}
	}
	sortLocations(out)

	return out
}
