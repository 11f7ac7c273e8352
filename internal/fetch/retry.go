// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

const (
	// maxTries limits the tries in a row without progress.
	maxTries = 5

	// firstWait and longestWait limit our own waits. A wait is random, up to a
	// limit that doubles, so that clients do not all retry at once.
	firstWait   = 500 * time.Millisecond
	longestWait = 30 * time.Second

	// maxRetryAfter limits one Retry-After, and maxWaiting the sum of all waits
	// for one URL, so that a server cannot delay us forever.
	maxRetryAfter = 5 * time.Minute
	maxWaiting    = 20 * time.Minute
)

// tries counts the failures of one URL in a row.
type tries struct {
	failed int
	due    time.Duration // wait before the next request
	waited time.Duration // sum of due so far
}

// again returns nil if the request that failed with err is to be retried after
// due. Otherwise it returns the final error.
func (t *tries) again(err error) error {
	if !retryable(err) {
		return err
	}
	t.failed++
	if errors.Is(err, ErrStalled) {
		// A stall has taken the idle time already, so it counts twice.
		t.failed++
	}
	if t.failed >= maxTries {
		return fmt.Errorf("giving up after several tries: %w", err)
	}
	t.due = rand.N(min(firstWait<<(t.failed-1), longestWait))
	if status, ok := errors.AsType[*statusError](err); ok {
		t.due = max(t.due, status.after)
	}
	if t.waited+t.due > maxWaiting {
		return fmt.Errorf("giving up after waiting for %s: %w", t.waited.Round(time.Second), err)
	}
	t.waited += t.due

	return nil
}

// retry calls once until it succeeds, fails for good, or is not repeatable.
func (c *Client) retry(ctx context.Context, once func() (repeatable bool, err error)) error {
	var t tries
	for {
		repeatable, err := once()
		if err == nil || !repeatable {
			return err
		}
		err = t.again(err)
		if err != nil {
			return err
		}
		err = c.wait(ctx, t.due)
		if err != nil {
			return err
		}
	}
}

// retryable reports whether a retry may succeed. A wrong certificate, a rejected
// redirect or an invalid response will be the same.
func retryable(err error) bool {
	if status, ok := errors.AsType[*statusError](err); ok {
		switch status.code {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	_, write := errors.AsType[*writeError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, notTLS := errors.AsType[tls.RecordHeaderError](err)
	if write || certificate || notTLS || errors.Is(err, http.ErrSchemeMismatch) {
		return false
	}
	return errors.Is(err, ErrConnection) || errors.Is(err, ErrStalled)
}

// retryAfter reads a Retry-After (RFC 9110 §10.2.3): seconds, or a date, which is
// compared with the Date of the response if there is one. It returns 0 if the
// value is invalid, and at most maxRetryAfter.
func retryAfter(value, date string, now time.Time) time.Duration {
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, ok := decimal(strings.TrimLeft(value[:len(value)-1], "0") + value[len(value)-1:])
		if !ok || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	theirs, err := http.ParseTime(date)
	if err == nil {
		now = theirs
	}

	return min(max(at.Sub(now), 0), maxRetryAfter)
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
