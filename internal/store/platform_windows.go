// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// dirFlag opens a directory for writing too, which os.O_RDWR does not; it
// exists, so that nothing is created.
const dirFlag = os.O_RDONLY | os.O_CREATE

// Owner returns zeros: rights are inherited ACLs here.
func Owner(fs.FileInfo) (uid, gid int) { return 0, 0 }

// cannotSync says that directories cannot be forced out here: NTFS can, FAT and
// network file systems differ.
func cannotSync(err error) bool {
	return errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_INVALID_FUNCTION) ||
		errors.Is(err, windows.ERROR_INVALID_HANDLE) || errors.Is(err, windows.ERROR_NOT_SUPPORTED)
}

// patience is how long a file that is in use is waited for. Virus scanners and
// indexers open what has just been written or renamed, most for less than a second.
const patience = 3 * time.Second

// patiently repeats do while somebody else has the file open. Only where denied is
// set is ERROR_ACCESS_DENIED taken for that: it is what renaming over an open file
// gives, but also what a running program and an access list give.
func patiently(denied bool, do func() error) error {
	end := time.Now().Add(patience)
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		err := do()
		inUse := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION) ||
			denied && errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !inUse || time.Now().After(end) {
			return err
		}
		time.Sleep(wait)
	}
}

// checkOwned has only the kind to check: rights are inherited ACLs here.
func checkOwned(path string, info fs.FileInfo) error {
	if !info.IsDir() {
		return fmt.Errorf("%w: %q is not a directory (remove it)", ErrUnsafeDirectory, path)
	}
	return nil
}
