// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"time"

	"github.com/choria-io/go-updater/internal/store"
)

// lockName is the lock file. It exists only during a transaction, or after one was
// killed; the kernel then has released the lock.
const lockName = workPrefix + "lock"

const lockPoll = 50 * time.Millisecond

// lock waits until no other process changes the repository, so that builds for
// several platforms can publish at the same time.
func (r *Repository) lock(ctx context.Context) (unlock func(), err error) {
	for waited := false; ; waited = true {
		held, err := store.Acquire(r.root, lockName)
		if err == nil {
			return func() {
				// While the lock is held: later the file may be another process's.
				// A system that cannot remove an open file keeps it, unlocked.
				_ = r.root.Remove(lockName)
				_ = held.Release()
			}, nil
		}
		if !errors.Is(err, store.ErrHeld) {
			return nil, err
		}
		if !waited && r.onWait != nil {
			r.onWait()
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
}
