// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"errors"
	"fmt"
	"os"

	"github.com/choria-io/go-updater/internal/store"
)

// offVariable turns updates off, see Off.
const offVariable = "GO_UPDATER_OFF"

// Off sets a function that turns updates off while it returns true: Apply and Check then
// return [ErrOff], before they use the network or the disk. Recover, Confirm and Rollback
// go on working, so that a version on probation is confirmed or given up all the same.
// It is called once by each of Apply, Check, Preflight and Status, and must return soon.
// A panic in it is [ErrPanic], and nothing is updated.
//
// The environment variable GO_UPDATER_OFF does the same for every program that uses this
// package, unless it is empty or 0. A program that has more rights than the user who
// started it (setuid, setgid, file capabilities) does not read it.
func Off(off func() bool) Option {
	return func(c *Config) error {
		if off == nil {
			return errors.New("Off() was given nil")
		}
		c.set.off = off
		return nil
	}
}

// off returns why updates are switched off, or nil.
func (s *settings) off() error {
	switch {
	case environmentSwitch():
		return fmt.Errorf("%w by the environment variable %s", ErrOff, offVariable)
	case s.set.off == nil:
		return nil
	}
	return oneLine(guard("Off()", func() error {
		if s.set.off() {
			return fmt.Errorf("%w by this program", ErrOff)
		}
		return nil
	}))
}

func environmentSwitch() bool {
	value := os.Getenv(offVariable)
	return value != "" && value != "0" && !store.Elevated()
}
