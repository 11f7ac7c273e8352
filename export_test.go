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
		c.idle = d
		return nil
	}
}

// Pause replaces the waiting between two requests.
func Pause(wait func(context.Context, time.Duration) error) Option {
	return func(c *Config) error {
		c.pause = wait
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

// ParseAnswer reads a kept document, for its fuzz target.
func ParseAnswer(raw []byte) (from, etag string, document []byte, ok bool) {
	a := parseAnswer(raw)
	if a == nil {
		return "", "", nil, false
	}
	return a.from, a.etag, a.document, true
}

// FormatAnswer writes one.
func FormatAnswer(from, etag string, document []byte) []byte {
	return (&answer{from: from, etag: etag, document: document}).format()
}
