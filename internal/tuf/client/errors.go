// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"fmt"
)

// Limits in bytes, those that go-tuf's own client has by default.
const (
	MaxRoot      = 512_000
	MaxTimestamp = 16_384
	MaxSnapshot  = 2_000_000
	MaxTargets   = 5_000_000 // also of a delegated role
)

const (
	maxRotations = 256       // roots fetched in one call
	maxRoles     = 32        // roles asked for one target
	maxKeys      = 64        // of one role
	maxVersion   = 1<<53 - 1 // beyond it JSON readers disagree
)

// ErrState means that what is remembered can neither be read nor written, or that
// more of it is damaged than can be made good. The error names the file. The
// refusals besides it are those of package trust, and ErrNotFound and ErrTooLarge
// of package fetch.
var ErrState = errors.New("what is remembered of the repository's metadata cannot be used")

var errPanic = errors.New("the TUF library panicked")

// guard makes an error of a panic in the library: it was made with signed metadata
// in mind, and reads it before the signature is checked.
func guard(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return call()
}
