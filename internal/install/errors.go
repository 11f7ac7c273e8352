// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"

	"github.com/choria-io/go-updater/internal/store"
)

var (
	// ErrLocked means that another update works on the target. Try again later.
	// The error is a *LockedError.
	ErrLocked = errors.New("another update of this file is running")

	// ErrJournal means that the record of an earlier update is damaged. The
	// target is whole; whether there was a probation is not known any more.
	ErrJournal = errors.New("journal of the last update is damaged")

	// ErrHealth means that the new file was installed and did not pass the check
	// that was asked for.
	ErrHealth = errors.New("health check failed")

	// ErrNoBackup means that there is nothing to go back to.
	ErrNoBackup = errors.New("no backup to go back to")

	// ErrUnsafeDirectory means that other users could exchange files during the
	// update. A person has to mend the permissions.
	ErrUnsafeDirectory = store.ErrUnsafeDirectory

	// ErrHash means that the staged file is not the one that was promised.
	ErrHash = store.ErrHash

	// ErrChanged means that somebody exchanged the staged file or the target
	// during the update.
	ErrChanged = store.ErrChanged

	// ErrOwner means that the new file cannot have owner, group and mode of the
	// old one. Update as the owner of the target, or as root.
	ErrOwner = errors.New("owner and mode cannot be kept")
)

// LockedError tells who holds the lock. It is an ErrLocked.
type LockedError struct {
	Target string
	PID    int // 0 if not known; of a process that may have ended since
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%q: %v", e.Target, ErrLocked)
	}
	return fmt.Sprintf("%q: %v, in process %d", e.Target, ErrLocked, e.PID)
}

// Is makes it an ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// RollbackFailure is a failed update whose old file could not be put back.
type RollbackFailure struct {
	Cause error // what made the update fail
	Err   error // what kept the old file from being put back
}

func (e *RollbackFailure) Error() string {
	return fmt.Sprintf("%v, and the old file could not be put back: %v", e.Cause, e.Err)
}

// Unwrap lets errors.Is and errors.As find both.
func (e *RollbackFailure) Unwrap() []error { return []error{e.Cause, e.Err} }
