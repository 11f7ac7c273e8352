// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"time"
)

const (
	memoryFormat = 1
	maxMemory    = 4 << 10
)

// Memory is what is remembered of the releases installed on a target, so that an
// older one cannot be passed off as new, and an expired one not as fresh. It holds
// for one Policy: a change of keys starts anew, from the version that runs, which
// is how a poisoned memory is repaired.
type Memory struct {
	Policy   string
	Version  string    // the highest that was installed
	Released time.Time // of its document
	Seen     time.Time // when it was installed, by the clock here
}

// ParseMemory returns [ErrDamaged] for anything but what [Memory.Format] wrote.
func ParseMemory(raw []byte) (Memory, error) {
	f, err := Parse(raw)
	if err != nil {
		return Memory{}, err
	}
	format := f.Int("format")
	m := Memory{Policy: f.Text("policy"), Version: f.Text("version"), Released: f.Time("released"), Seen: f.Time("seen")}
	switch {
	case f.Err() != nil:
		return Memory{}, f.Err()
	case format != memoryFormat || m.Policy == "" || m.Version == "" || m.Seen.IsZero() || len(raw) > maxMemory:
		return Memory{}, fmt.Errorf("%w: not of format %d", ErrDamaged, memoryFormat)
	}
	return m, nil
}

// Format writes m for ParseMemory.
func (m Memory) Format() []byte {
	return Format(Fields{
		"format": memoryFormat, "policy": m.Policy, "version": m.Version, "released": m.Released, "seen": m.Seen,
	})
}

// ReadMemory reads the file called name. It returns fs.ErrNotExist if there is
// none.
func (d Dir) ReadMemory(name string) (Memory, error) {
	raw, err := d.Read(name, maxMemory)
	if err != nil {
		return Memory{}, err
	}
	return ParseMemory(raw)
}

// After returns what is remembered once next was installed: a downgrade that a
// person asked for does not lower the version, nor does a version without an order.
// compare orders two versions, and reports whether they have an order.
func (m Memory) After(next Memory, compare func(a, b string) (int, bool)) Memory {
	if m.Policy != next.Policy {
		return next
	}
	order, ok := compare(next.Version, m.Version)
	_, ordered := compare(m.Version, m.Version)
	switch {
	case ok && order < 0, !ok && ordered:
		next.Version, next.Released = m.Version, m.Released
	case ok && order == 0 && m.Released.After(next.Released):
		next.Released = m.Released
	}
	if m.Seen.After(next.Seen) {
		next.Seen = m.Seen
	}
	return next
}
