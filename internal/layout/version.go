// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"strings"

	"golang.org/x/mod/semver"
)

// CompareVersions orders two semantic versions, a leading v being optional. ok is
// false if either is not one: such versions have no order, and come before the others.
func CompareVersions(a, b string) (order int, ok bool) {
	a, b = canonical(a), canonical(b)
	return semver.Compare(a, b), semver.IsValid(a) && semver.IsValid(b)
}

// canonical adds the v that package semver wants and people leave out.
func canonical(v string) string { return "v" + strings.TrimPrefix(v, "v") }
