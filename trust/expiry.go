// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"fmt"
	"time"
)

// clockSkew is how far the publisher's clock may be ahead of ours.
const clockSkew = 10 * time.Minute

// checkTime is the freshness rule: a document is valid before its expiry, and not
// before it was released.
func (w *Want) checkTime(r *Release) error {
	if r.Released.After(w.Now.Add(clockSkew)) {
		return fmt.Errorf("%w: released at %s, but the clock here says %s (is the clock right?)",
			ErrExpired, r.Released.Format(secondsLayout), w.Now.UTC().Format(secondsLayout))
	}
	// An expired document must stay so when the clock is set back (T7).
	now, why := w.Now, "the clock here says"
	if w.LastSeen.After(now) {
		now, why = w.LastSeen, "an update was accepted at"
	}
	if !now.Before(r.Expires) {
		return fmt.Errorf("%w: expired at %s, %s %s",
			ErrExpired, r.Expires.Format(secondsLayout), why, now.UTC().Format(secondsLayout))
	}
	return nil
}
