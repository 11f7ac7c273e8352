// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import "time"

// Idle shortens how long a test waits for a server that sends too little.
func Idle(d time.Duration) Option {
	return func(c *Config) error {
		c.idle = d
		return nil
	}
}
