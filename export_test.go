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

// ReadState reads what is remembered, for its fuzz target.
func ReadState(path string) (version string, seen time.Time, err error) {
	s, err := readState(path)
	if err != nil {
		return "", time.Time{}, err
	}
	return s.Version, s.Seen, nil
}
