// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
)

var (
	// ErrLocked means that another update works on the target. Try again later.
	ErrLocked = errors.New("another update of this file is running")

	// ErrNoBackup means that there is nothing to go back to.
	ErrNoBackup = errors.New("no backup to go back to")

	// ErrUnsafeDirectory means that other users could exchange files during the
	// update. A person has to mend the permissions.
	ErrUnsafeDirectory = errors.New("directory is not safe to update in")

	// ErrHash means that the staged file is not the one that was promised.
	ErrHash = errors.New("file has another size or hash than expected")

	// ErrChanged means that somebody exchanged the staged file or the target
	// during the update.
	ErrChanged = errors.New("file was exchanged during the update")

	// ErrOwner means that the new file cannot have owner, group and mode of the
	// old one. Update as the owner of the target, or as root.
	ErrOwner = errors.New("owner and mode cannot be kept")
)

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
