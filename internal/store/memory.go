// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"slices"
	"time"

	"github.com/choria-io/go-updater/internal/layout"
)

const (
	memoryFormat = 1
	maxMemory    = 32 << 10
	maxPolicies  = 4  // key sets that keep their memory
	maxAccepted  = 16 // versions of each
)

// Memory is what is remembered of the releases installed on a target, so that an older
// one cannot be passed off as new, and an expired one not as fresh. It holds for one
// policy: a change of keys starts anew, from the version that runs, which is how a
// poisoned memory is repaired.
type Memory struct {
	Policy   string
	Product  string     // the name in the first document that had one
	Accepted []Accepted // in the order of installation, each version once
	Seen     time.Time  // the latest time that is known to have passed
}

// Accepted is a release that was installed.
type Accepted struct {
	Version  string
	Released time.Time // the latest of its documents

	// Good means that it was installed without probation, or confirmed, and was not
	// left since.
	Good bool
}

// Memories are those of the last four policies, the latest first.
type Memories []Memory

// For returns the memory of a policy, which may be empty.
func (all Memories) For(policy string) Memory {
	for _, m := range all {
		if m.Policy == policy {
			return m
		}
	}
	return Memory{Policy: policy}
}

// With returns the memories with m as the latest.
func (all Memories) With(m Memory) Memories {
	others := slices.DeleteFunc(slices.Clone(all), func(o Memory) bool { return o.Policy == m.Policy })
	return append(Memories{m}, others[:min(len(others), maxPolicies-1)]...)
}

// Reviewed returns the memory with what became of the versions since: running is good,
// and those that left reports are not.
func (m Memory) Reviewed(running string, left func(version string) bool) Memory {
	m.Accepted = slices.Clone(m.Accepted)
	for i := range m.Accepted {
		a := &m.Accepted[i]
		a.Good = (a.Good || SameVersion(a.Version, running)) && !left(a.Version)
	}
	return m
}

// Floor returns the highest good version that has an order, or "".
func (m Memory) Floor() (floor string) {
	for _, a := range m.Accepted {
		if a.Good {
			floor = Higher(floor, a.Version)
		}
	}
	return floor
}

// Released returns when the document of a version was released that was installed
// before, or the zero time.
func (m Memory) Released(version string) (latest time.Time) {
	for _, a := range m.Accepted {
		if SameVersion(a.Version, version) && a.Released.After(latest) {
			latest = a.Released
		}
	}
	return latest
}

// Installed is a release that was verified and installed.
type Installed struct {
	Policy   string
	Product  string // as its document states it, or ""
	Version  string
	Released time.Time
	Seen     time.Time // see [Memory]
	Good     bool      // see [Accepted]
}

// After returns the memory once i was installed. Seen and the Released of a version
// never go back, and what was good stays so.
func (m Memory) After(i Installed) Memory {
	next := Accepted{i.Version, i.Released, i.Good}
	m.Accepted = slices.Clone(m.Accepted)
	m.Accepted = slices.DeleteFunc(m.Accepted, func(a Accepted) bool {
		if !SameVersion(a.Version, i.Version) {
			return false
		}
		next.Good = next.Good || a.Good
		if a.Released.After(next.Released) {
			next.Released = a.Released
		}
		return true
	})
	m.Accepted = append(m.Accepted, next)
	if len(m.Accepted) > maxAccepted {
		floor := m.Floor()
		oldest := slices.IndexFunc(m.Accepted, func(a Accepted) bool { return a.Version != floor })
		m.Accepted = slices.Delete(m.Accepted, oldest, oldest+1)
	}
	if m.Product == "" || i.Product != "" {
		m.Product = i.Product
	}
	if i.Seen.After(m.Seen) {
		m.Seen = i.Seen
	}
	return m
}

// Higher returns the higher of two versions. One without an order counts as none.
func Higher(a, b string) string {
	order, _ := layout.CompareVersions(a, b)
	switch {
	case !ordered(b) && !ordered(a):
		return ""
	case !ordered(b), ordered(a) && order >= 0:
		return a
	}
	return b
}

func ordered(version string) bool {
	_, ok := layout.CompareVersions(version, version)
	return ok
}

// SameVersion reports whether two versions are equal, as v1.2.3 and 1.2.3 are.
func SameVersion(a, b string) bool {
	order, ok := layout.CompareVersions(a, b)
	return a != "" && (a == b || ok && order == 0)
}

// ReadMemories reads what Fields wrote. Damage is reported by the Err of the parts.
func ReadMemories(parts []Reader) (all Memories) {
	for _, p := range parts {
		m := Memory{Policy: p.Text("policy"), Product: p.Text("product"), Seen: p.Time("seen")}
		for _, a := range p.Parts("accepted") {
			m.Accepted = append(m.Accepted, Accepted{a.Text("version"), a.Time("released"), a.Bool("good")})
		}
		all = append(all, m)
	}
	return all
}

// Fields returns the memories as the parts of a record.
func (all Memories) Fields() (parts []Fields) {
	for _, m := range all {
		var accepted []Fields
		for _, a := range m.Accepted {
			accepted = append(accepted, Fields{"version": a.Version, "released": a.Released, "good": a.Good})
		}
		parts = append(parts, Fields{"policy": m.Policy, "product": m.Product, "seen": m.Seen, "accepted": accepted})
	}
	return parts
}

// Format writes the memories as a file of their own, for [Dir.ReadMemories].
func (all Memories) Format() []byte {
	return Format(Fields{"format": memoryFormat, "trust": all.Fields()})
}

// ParseMemories returns [ErrDamaged] for anything but what [Memories.Format] wrote.
func ParseMemories(raw []byte) (Memories, error) {
	f, err := Parse(raw)
	if err != nil {
		return nil, err
	}
	format, all := f.Int("format"), ReadMemories(f.Parts("trust"))
	if err := f.Err(); err != nil {
		return nil, err
	}
	if format != memoryFormat || len(raw) > maxMemory {
		return nil, fmt.Errorf("%w: not of format %d", ErrDamaged, memoryFormat)
	}
	return all, nil
}

// ReadMemories reads the file called name. It returns fs.ErrNotExist if there is none.
func (d Dir) ReadMemories(name string) (Memories, error) {
	raw, err := d.Read(name, maxMemory)
	if err != nil {
		return nil, err
	}
	return ParseMemories(raw)
}
