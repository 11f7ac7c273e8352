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
	// maxTries is how often in a row something is tried without progress.
	maxTries = 5

	// firstWait and longestWait bound the wait of our own choice: a random one
	// up to a bound that doubles, so that clients which one fault cut off do not
	// all come back at once.
	firstWait   = 500 * time.Millisecond
	longestWait = 30 * time.Second

	// longestAsked bounds the one wait that a server asks for, and maxWaiting
	// all waits for one URL together: a server cannot keep us by asking.
	longestAsked = 5 * time.Minute
	maxWaiting   = 20 * time.Minute
)

// tries counts the failures of one URL in a row.
type tries struct {
	failed int
	due    time.Duration // to wait before the next request
	waited time.Duration // all that was due so far
}

// again returns nil when what failed with err is to be repeated once due is
// over, else the error to give up with.
func (t *tries) again(err error) error {
	if !retryable(err) {
		return err
	}
	t.failed++
	if errors.Is(err, ErrStalled) {
		// It was waited for already.
		t.failed++
	}
	if t.failed >= maxTries {
		return fmt.Errorf("gave up after several tries: %w", err)
	}
	t.due = rand.N(min(firstWait<<(t.failed-1), longestWait))
	if status, ok := errors.AsType[*statusError](err); ok {
		t.due = max(t.due, status.after)
	}
	if t.waited+t.due > maxWaiting {
		return fmt.Errorf("gave up after waiting for %s: %w", t.waited.Round(time.Second), err)
	}
	t.waited += t.due

	return nil
}

// retry calls once until it succeeds, fails for good, or says that it cannot be
// repeated.
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

// retryable tells what may be over by the next time. A wrong certificate, a
// refused redirect or an answer that breaks our rules will be the same then.
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

// retryAfter reads a Retry-After of RFC 9110 §10.2.3: seconds, or a date, which
// is compared with the server's own clock when it tells that. It is 0 when
// there is none to follow, and longestAsked at most.
func retryAfter(value, date string, now time.Time) time.Duration {
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, ok := decimal(strings.TrimLeft(value[:len(value)-1], "0") + value[len(value)-1:])
		if !ok || seconds > int64(longestAsked/time.Second) {
			return longestAsked
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

	return min(max(at.Sub(now), 0), longestAsked)
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
