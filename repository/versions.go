// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"cmp"
	"slices"

	"github.com/choria-io/go-updater/internal/layout"
)

func sortLocations(l []Location) { slices.SortFunc(l, compareLocations) }

func compareLocations(a, b Location) int {
	return cmp.Or(compareVersions(a.Version, b.Version), cmp.Compare(a.OS, b.OS), cmp.Compare(a.Arch, b.Arch))
}

// compareVersions orders by semantic version. Other versions come first, by name.
func compareVersions(a, b string) int {
	order, _ := layout.CompareVersions(a, b)

	return cmp.Or(order, cmp.Compare(a, b))
}

func olderVersion(a, b string) bool {
	order, _ := layout.CompareVersions(a, b)

	return order < 0
}

// comparableVersion reports whether a version has an order. Clients do not detect a
// downgrade to or from one that has none.
func comparableVersion(v string) bool {
	_, ok := layout.CompareVersions(v, v)

	return ok
}
