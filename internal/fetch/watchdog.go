// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// minRate is the lowest accepted rate in bytes per second. A modem is faster. An
// attacker who delays a large signed file for days is slower. It is half of 1 kB/s
// because TLS delivers records of up to 16 KiB: one in 30 seconds is enough.
const minRate = 512

// watchdog cancels a call if fewer than least bytes arrive in a window of waiting.
// Only the time between wait and arrived counts, so a slow disk or progress
// callback does not.
type watchdog struct {
	window time.Duration
	least  int64
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	timer   *time.Timer
	waiting bool
	since   time.Time     // when the current wait began
	left    time.Duration // of the window, when the current wait began
	seen    int64         // bytes in this window
}

func newWatchdog(window time.Duration, cancel context.CancelCauseFunc) *watchdog {
	d := &watchdog{window: window, least: leastBytes(window), cancel: cancel, left: window}
	d.timer = time.AfterFunc(window, d.expired)
	d.timer.Stop()

	return d
}

func leastBytes(window time.Duration) int64 {
	return max(int64(window.Seconds()*minRate), 1)
}

// wait resumes the window. If nothing is left of it, expired runs at once.
func (d *watchdog) wait() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = true
	d.since = time.Now()
	d.timer.Reset(d.left)
}

func (d *watchdog) arrived(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.timer.Stop()
	d.waiting = false
	d.seen += int64(n)
	d.left -= time.Since(d.since)
}

// pause ends a wait that does not count: the time until the headers arrive is not
// part of the first window of the body.
func (d *watchdog) pause() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.timer.Stop()
	d.waiting = false
}

// expired is called by the timer. It may run late, during another wait or none.
func (d *watchdog) expired() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.waiting {
		return
	}
	left := d.left - time.Since(d.since)
	if left <= 0 {
		d.nextWindow()
		d.since = time.Now()
		left = d.left
	}
	d.timer.Reset(left)
}

// nextWindow ends a window and starts the next one.
func (d *watchdog) nextWindow() {
	if d.seen < d.least {
		d.cancel(fmt.Errorf("%w: fewer than %d bytes in %s", ErrStalled, d.least, d.window))
	}
	d.seen = 0
	d.left = d.window
}
