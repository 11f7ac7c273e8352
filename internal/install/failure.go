// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"slices"
	"time"

	"github.com/choria-io/go-updater/internal/store"
)

// Reason is why a version is not installed again.
type Reason string

// The reasons. After the first two the version is tried again, after longer and longer
// waits; after the others it is given up at once.
const (
	FailedSmokeTest   Reason = "failed its smoke test"
	FailedHealthCheck Reason = "failed its health check"
	FailedProbation   Reason = "failed its probation"
	RolledBack        Reason = "was rolled back"
)

const (
	firstWait   = time.Hour
	longestWait = 24 * time.Hour
	maxTries    = 5              // failures after which a version is given up,
	minTrial    = 24 * time.Hour // if as much time is between the first and the last
	maxFailed   = 16             // versions; the oldest are removed first
)

// Failure is a version that did not work here, or that a person rolled back.
type Failure struct {
	Version string
	Hash    string // SHA-256 of its binary, hex
	Reason  Reason // the last one
	Count   int
	First   time.Time
	Last    time.Time
	Next    time.Time // when it may be tried again; the zero time if it was given up
	Left    bool      // it was installed, and was not any more then
}

// GivenUp reports whether the version is not tried again by itself.
func (f Failure) GivenUp() bool { return f.Next.IsZero() }

// Blocks reports whether the version is not to be tried now. A wait longer than the
// longest comes from a clock that was wrong: it is over.
func (f Failure) Blocks(now time.Time) bool {
	return f.GivenUp() || now.Before(f.Next) && f.Next.Sub(now) <= longestWait
}

// again returns the failure after another one at now.
func (f Failure) again(reason Reason, now time.Time) Failure {
	now = now.UTC().Truncate(time.Second)
	if f.Count == 0 || now.Before(f.First) {
		f.First = now
	}
	f.Reason, f.Last, f.Count = reason, now, f.Count+1
	wait := min(firstWait<<min(f.Count-1, 10), longestWait)
	f.Next = now.Add(wait)
	left := reason == FailedProbation || reason == RolledBack
	f.Left = f.Left || left
	if left || f.Count >= maxTries && now.Sub(f.First) >= minTrial {
		f.Next = time.Time{}
	}
	return f
}

// failed returns the journal after the file c failed.
func (r record) failed(c content, reason Reason, now time.Time) record {
	next := Failure{Hash: c.Hash}
	if i := slices.IndexFunc(r.Failed, func(f Failure) bool { return f.Hash == c.Hash }); i >= 0 {
		next = r.Failed[i]
	}
	if c.Version != "" {
		next.Version = c.Version
	}
	r.Failed = append(r.forgiven(c.Hash).Failed, next.again(reason, now))
	if n := len(r.Failed); n > maxFailed {
		r.Failed = r.Failed[n-maxFailed:]
	}
	// It must not become the floor again once the list has no room for it.
	memory := make(store.Memories, len(r.Memory))
	for i, m := range r.Memory {
		memory[i] = r.facts().Review(m)
	}
	r.Memory = memory
	return r
}

// forgiven returns the journal without a failure of the file with this hash.
func (r record) forgiven(hash string) record {
	r.Failed = slices.DeleteFunc(slices.Clone(r.Failed), func(f Failure) bool { return f.Hash == hash })
	return r
}

func (f Failure) fields() store.Fields {
	return store.Fields{
		"version": f.Version, "hash": f.Hash, "reason": string(f.Reason), "count": f.Count,
		"first": f.First, "last": f.Last, "next": f.Next, "left": f.Left,
	}
}

func readFailure(m store.Reader) Failure {
	return Failure{
		Version: m.Text("version"), Hash: m.Text("hash"), Reason: Reason(m.Text("reason")), Count: int(m.Int("count")),
		First: m.Time("first"), Last: m.Time("last"), Next: m.Time("next"), Left: m.Bool("left"),
	}
}
