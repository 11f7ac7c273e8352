// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"time"
)

// After an idle time a link accepts burst bytes at once. A write has at most chunk bytes.
const (
	burst = 64 << 10
	chunk = 16 << 10
)

// limiter is a token bucket, which all connections of a server share. It is safe for
// concurrent use.
type limiter struct {
	rate float64 // bytes per second
	now  func() time.Time

	mu     sync.Mutex
	tokens float64 // bytes that may be sent now; negative if callers wait
	last   time.Time
}

func newLimiter(bitsPerSecond int64, now func() time.Time) *limiter {
	return &limiter{rate: float64(bitsPerSecond) / 8, now: now, tokens: burst, last: now()}
}

// reserve takes n bytes and returns how long to wait before sending them. A caller that
// sleeps too long waits less the next time, so the average rate is right.
func (l *limiter) reserve(n int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.tokens = min(burst, l.tokens+now.Sub(l.last).Seconds()*l.rate)
	l.last = now
	l.tokens -= float64(n)
	if l.tokens >= 0 {
		return 0
	}
	return time.Duration(-l.tokens / l.rate * float64(time.Second))
}
