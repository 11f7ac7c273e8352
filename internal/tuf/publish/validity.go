// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"fmt"
	"time"

	"github.com/choria-io/go-updater/internal/tuf"
)

// Validity is how long metadata of each role is valid, in whole seconds. The root and
// targets keys sign it, so that a refresh by cron needs no flags; clients ignore it.
type Validity struct {
	Root, Targets, Bins, Snapshot, Timestamp time.Duration
}

const day = 24 * time.Hour

// DefaultValidity is a year for what people sign and days for what a machine signs:
// an attacker can keep clients from new releases for that long.
func DefaultValidity() Validity {
	return Validity{Root: 365 * day, Targets: 365 * day, Bins: 365 * day, Snapshot: 14 * day, Timestamp: 3 * day}
}

func (v Validity) of(role string) time.Duration {
	switch role {
	case Root:
		return v.Root
	case Targets:
		return v.Targets
	case Snapshot:
		return v.Snapshot
	case Timestamp:
		return v.Timestamp
	}

	return v.Bins
}

// FormatValidity writes a duration as people give it: in days, if it is whole days.
func FormatValidity(d time.Duration) string {
	switch {
	case d == day:
		return "1 day"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}

	return d.String()
}

// validityField holds the validity, in seconds, in the description of a role's keys.
const validityField = "x-go-updater-validity"

func setValidity(fields *map[string]any, d time.Duration) {
	if *fields == nil {
		*fields = map[string]any{}
	}
	(*fields)[validityField] = int64(d / time.Second)
}

// validityOf returns the default unless the field has a usable value: roots that
// other programs made have none.
func validityOf(fields map[string]any, role string) time.Duration {
	var seconds int64
	switch n := fields[validityField].(type) {
	case float64: // from JSON
		seconds = int64(n)
	case int64:
		seconds = n
	}
	if seconds <= 0 || seconds > int64(100*365*day/time.Second) {
		return DefaultValidity().of(role)
	}

	return time.Duration(seconds) * time.Second
}

func roleValidity(root *tuf.RootMeta, role string) time.Duration {
	return validityOf(root.Signed.Roles[role].UnrecognizedFields, role)
}

func binValidity(targets *tuf.TargetsMeta) time.Duration {
	return validityOf(targets.Signed.Delegations.SuccinctRoles.UnrecognizedFields, Bins)
}

// due reports whether less than a third of the validity is left, which began in the
// second in which now is.
func due(expires time.Time, validity time.Duration, now time.Time) bool {
	return expires.Sub(now.Truncate(time.Second)) < validity/3
}

// expiry is a time in the form that all implementations read: UTC, whole seconds.
func expiry(now time.Time, validity time.Duration) time.Time {
	return now.Add(validity).UTC().Truncate(time.Second)
}
