// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

func sortLocations(l []Location) {
	slices.SortFunc(l, func(a, b Location) int {
		return cmp.Or(compareVersions(a.Version, b.Version), cmp.Compare(a.OS, b.OS), cmp.Compare(a.Arch, b.Arch))
	})
}

// compareVersions orders by semantic version. Other versions come first, by name.
func compareVersions(a, b string) int {
	return cmp.Or(semver.Compare(canonicalVersion(a), canonicalVersion(b)), cmp.Compare(a, b))
}

func olderVersion(a, b string) bool {
	return semver.Compare(canonicalVersion(a), canonicalVersion(b)) < 0
}

// comparableVersion reports whether a version has an order. Clients do not detect a
// downgrade to or from one that has none.
func comparableVersion(v string) bool { return semver.IsValid(canonicalVersion(v)) }

// canonicalVersion adds the v that package semver requires.
func canonicalVersion(v string) string { return "v" + strings.TrimPrefix(v, "v") }
