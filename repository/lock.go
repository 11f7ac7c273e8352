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

// lockName is the file that is locked. It is there only while somebody works,
// or after he was killed; a lock of the dead is free.
const lockName = workPrefix + "lock"

const lockPoll = 50 * time.Millisecond

// lock waits until no other process changes the repository: builds that publish
// their platforms at the same time take turns.
func (r *Repository) lock(ctx context.Context) (unlock func(), err error) {
	for told := false; ; told = true {
		held, err := store.Acquire(r.root, lockName)
		if err == nil {
			return func() {
				// Removed while it is held, so that it is ours. Where an open file
				// cannot be removed it stays, as free as if it were gone.
				_ = r.root.Remove(lockName)
				_ = held.Release()
			}, nil
		}
		if !errors.Is(err, store.ErrHeld) {
			return nil, err
		}
		if !told && r.onWait != nil {
			r.onWait()
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
}
