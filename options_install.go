// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"fmt"

	"github.com/choria-io/go-updater/internal/trial"
	"github.com/choria-io/go-updater/trust"
)

// Trial tells how a binary shows that it works: it is run with Args, has to end
// without error within Timeout (0 means 30 seconds), and to print Contains. Or
// Func is called with its path instead. What the binary has started is killed when
// it ends.
type Trial = trial.Trial

// SmokeTest tries the new binary out after it was verified and before it is
// installed. A failure is [ErrSmokeTest], with what the binary printed,
// and changes nothing.
func SmokeTest(t Trial) Option {
	return func(c *Config) error {
		c.smokeTest = &t
		return t.Validate()
	}
}

// HealthCheck tries the new binary out in its place, before Apply reports
// success. A failure is [ErrHealth], and the old binary is back. So it is if the
// machine stops before the check has passed.
func HealthCheck(t Trial) Option {
	return func(c *Config) error {
		c.healthCheck = &t
		return t.Validate()
	}
}

// Probation grants a new version that many starts without [Updater.Confirm];
// with the next one [Updater.Recover] puts the old version back. The program
// has to call both. Choose more than a machine needs that is switched off and on
// again at a bad time.
func Probation(starts int) Option {
	return func(c *Config) error {
		if starts < 1 {
			return fmt.Errorf("Probation() is %d, it must be positive", starts)
		}
		c.probation = starts
		return nil
	}
}

// RetryFailed permits Version to be installed although it failed its probation
// here: otherwise the very same binary is refused with [ErrFailedBefore].
func RetryFailed(version string) Option {
	return func(c *Config) error {
		c.retry = version
		return trust.CheckVersion(version)
	}
}

// WaitForLock makes Apply and Rollback wait while another update of the target
// runs, as long as their context permits, instead of returning [ErrLocked].
func WaitForLock() Option {
	return func(c *Config) error {
		c.wait = true
		return nil
	}
}

// RefuseManaged makes Apply refuse what [Updater.Preflight] otherwise only
// notes: a target that a package manager owns, or that is part of a container's
// image or of an application bundle.
func RefuseManaged() Option {
	return func(c *Config) error {
		c.refuseManaged = true
		return nil
	}
}
