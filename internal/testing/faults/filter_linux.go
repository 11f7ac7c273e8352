// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"errors"
	"maps"
	"slices"
)

// filterInstaller installs a filter, so that only calls with these numbers stop. After
// an error all calls do.
type filterInstaller func(tid int, numbers []uint64) error

var errNoFilter = errors.New("no filter of system calls")

// numbers returns the numbers of the calls that are counted.
func (t *tracer) numbers() []uint64 {
	var numbers []uint64
	for _, kinds := range []map[uint64]kind{calls, oldCalls} {
		for _, nr := range slices.Sorted(maps.Keys(kinds)) {
			if kinds[nr].class&t.classes != 0 {
				numbers = append(numbers, nr)
			}
		}
	}
	return numbers
}
