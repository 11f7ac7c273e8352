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

// slowest is how many bytes a second an answer brings at least. A modem is
// faster; someone who wants to keep us waiting for days on a signed file of
// many megabytes is not. It is half of the slowest honest link, 1 kB/s, because
// TLS hands on records of up to 16 KiB: one in 30 seconds is just enough.
const slowest = 512

// watchdog cancels a call when a window of waiting passes in which fewer than
// least bytes came. Only time between wait and arrived counts, so that a slow
// disk or a progress callback that asks a question is not the server's fault.
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
	d.timer = time.AfterFunc(window, d.bark)
	d.timer.Stop()

	return d
}

func leastBytes(window time.Duration) int64 {
	return max(int64(window.Seconds()*slowest), 1)
}

// wait resumes the window. When nothing is left of it, bark runs at once.
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

// pause ends a wait in which nothing of the body could come: the time until the
// headers came is not taken from the body's first window.
func (d *watchdog) pause() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.timer.Stop()
	d.waiting = false
}

// bark may run late, in a later wait than the one that set the timer, or in
// none.
func (d *watchdog) bark() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.waiting {
		return
	}
	left := d.left - time.Since(d.since)
	if left <= 0 {
		d.turn()
		d.since = time.Now()
		left = d.left
	}
	d.timer.Reset(left)
}

// turn closes a window and opens the next one.
func (d *watchdog) turn() {
	if d.seen < d.least {
		d.cancel(fmt.Errorf("%w: fewer than %d bytes came in %s", ErrStalled, d.least, d.window))
	}
	d.seen = 0
	d.left = d.window
}
