// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"slices"
	"strings"
)

// Platforms returns the platforms that Go supports, as OS/ARCH, in order.
func Platforms() []string {
	var names []string
	for os, archs := range platforms {
		for _, arch := range strings.Fields(archs) {
			names = append(names, os+"/"+arch)
		}
	}
	slices.Sort(names)

	return names
}

// CheckPlatform returns [ErrRequest] if [Repository.Add] would refuse the platform.
// Call it to refuse a mistake before you ask for a passphrase.
func CheckPlatform(os, arch string) error { return checkPlatform(os, arch) }

// Encodings returns the encodings of [AddRequest].
func Encodings() []string { return knownEncodings() }
