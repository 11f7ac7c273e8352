// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"net/http"
	"strings"
	"time"
)

const (
	// firstWait and longestWait limit our own waits.
	firstWait   = 500 * time.Millisecond
	longestWait = 30 * time.Second

	// longestAsked limits what is read of a wait that a server asks for.
	longestAsked = 365 * 24 * time.Hour
)

// retryAfter reads a Retry-After (RFC 9110 §10.2.3): seconds, or a date, which is
// compared with the Date of the response if there is one. It returns 0 if the
// value is invalid, and at most longestAsked.
func retryAfter(value, date string, now time.Time) time.Duration {
	if seconds, ok := seconds(value); ok {
		return seconds
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}

	return until(at, date, now)
}

// untilReset reads an X-RateLimit-Reset, which is in seconds since 1970.
func untilReset(value, date string, now time.Time) time.Duration {
	at, ok := decimal(value)
	if !ok {
		return 0
	}

	return until(time.Unix(at, 0), date, now)
}

// until returns the time from date, or from now if that is invalid, to at.
func until(at time.Time, date string, now time.Time) time.Duration {
	theirs, err := http.ParseTime(date)
	if err == nil {
		now = theirs
	}

	return min(max(at.Sub(now), 0), longestAsked)
}

// seconds reads a number of any length.
func seconds(value string) (time.Duration, bool) {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	n, ok := decimal(strings.TrimLeft(value[:len(value)-1], "0") + value[len(value)-1:])
	if !ok || n > int64(longestAsked/time.Second) {
		return longestAsked, true
	}

	return time.Duration(n) * time.Second, true
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return ctx.Err()
	}
}
