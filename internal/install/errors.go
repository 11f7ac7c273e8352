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
	// ErrLocked means that another update of the target is running. Try again later.
	// The error is a *LockedError.
	ErrLocked = errors.New("another update of this file is running")

	// ErrJournal means that the journal of the last update is damaged. The target is
	// complete. Whether it was on probation is not known any more.
	ErrJournal = errors.New("journal of the last update is damaged")

	// ErrHealth means that the new file was installed and did not pass Plan.Check.
	ErrHealth = errors.New("health check failed")

	// ErrNoBackup means that there is no backup, or that it is not the file that was
	// replaced.
	ErrNoBackup = errors.New("no backup to go back to")

	// ErrUnsafeDirectory means that other users could replace files during the update.
	// A person has to correct the permissions.
	ErrUnsafeDirectory = store.ErrUnsafeDirectory

	// ErrHash means that the staged file does not have the expected size and hash.
	ErrHash = store.ErrHash

	// ErrChanged means that another process replaced or changed the staged file or the
	// target during the update.
	ErrChanged = store.ErrChanged

	// ErrOwner means that the new file cannot have the owner, group, mode and access
	// rights of the old one. Update as the owner of the target, or as root.
	ErrOwner = errors.New("cannot keep owner and mode")
)

// LockedError is an ErrLocked that names the process that holds the lock.
type LockedError struct {
	Target string
	PID    int // 0 if not known; the process may have ended since
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%q: %v", e.Target, ErrLocked)
	}
	return fmt.Sprintf("%q: %v, in process %d", e.Target, ErrLocked, e.PID)
}

// Is reports whether target is ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// RollbackFailure is the error of a failed update whose old file could not be put back.
type RollbackFailure struct {
	Cause error // why the update failed
	Err   error // why the old file could not be put back
}

func (e *RollbackFailure) Error() string {
	return fmt.Sprintf("%v, and the old file could not be put back: %v", e.Cause, e.Err)
}

// Unwrap returns both errors.
func (e *RollbackFailure) Unwrap() []error { return []error{e.Cause, e.Err} }
