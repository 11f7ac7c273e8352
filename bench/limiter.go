// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"time"
)

// burst is how many bytes a link that was idle takes at once, and chunk how many
// it is given at a time.
const (
	burst = 64 << 10
	chunk = 16 << 10
)

// limiter is a token bucket. It is safe for concurrent use: all connections of
// a server share one, as they would one link.
type limiter struct {
	rate float64 // bytes per second
	now  func() time.Time

	mu     sync.Mutex
	tokens float64 // negative when bytes are promised that were not earned yet
	last   time.Time
}

func newLimiter(bitsPerSecond int64, now func() time.Time) *limiter {
	return &limiter{rate: float64(bitsPerSecond) / 8, now: now, tokens: burst, last: now()}
}

// reserve takes n bytes and returns how long to wait before they are sent. Who
// sleeps too long is ahead by that the next time, so the rate holds on average.
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
