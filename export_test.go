// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"context"
	"time"
)

// Idle shortens how long a test waits for a server that sends too little.
func Idle(d time.Duration) Option {
	return func(c *Config) error {
		c.set.idle = d
		return nil
	}
}

// NewProcess makes a call what it would be in a process of its own, which ends after it.
func NewProcess() Option {
	return func(c *Config) error {
		c.set.hold = nil
		return nil
	}
}

// Pause replaces the pause between two requests.
func Pause(wait func(context.Context, time.Duration) error) Option {
	return func(c *Config) error {
		c.set.pause = wait
		return nil
	}
}

// PreflightOfApply performs the preflight of Apply, and nothing else: it needs no lock.
func PreflightOfApply(ctx context.Context, u *Updater) error {
	w, err := u.settings.walk(ctx, nil)
	if err != nil {
		return err
	}
	return w.preflight(ctx)
}

// Explain adds what a preflight finds to the error of an update that cannot begin.
func Explain(u *Updater, err error) error { return u.settings.explain(public(err)) }

// Boot replaces the clock of the machine: the time since it was booted.
func Boot(clock func() time.Duration) Option {
	return func(c *Config) error {
		c.set.boot = clock
		return nil
	}
}
