// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// dirFlag opens a directory for writing, which os.O_RDWR does not. Nothing is created,
// as the directory exists.
const dirFlag = os.O_RDONLY | os.O_CREATE

// Owner returns zeros: access rights are inherited ACLs on Windows.
func Owner(fs.FileInfo) (uid, gid int) { return 0, 0 }

// cannotSync reports whether the file system cannot sync directories. NTFS can; FAT and
// network file systems differ.
func cannotSync(err error) bool {
	return errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_INVALID_FUNCTION) ||
		errors.Is(err, windows.ERROR_INVALID_HANDLE) || errors.Is(err, windows.ERROR_NOT_SUPPORTED)
}

// patience is how long an operation on a file in use is retried. Virus scanners and
// indexers open files that were just written or renamed, mostly for less than a second.
const patience = 3 * time.Second

// patiently retries do while another process has the file open. With denied set,
// ERROR_ACCESS_DENIED is retried too: it is the error of renaming over an open file, but
// also that of a running program or of an access list.
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

// Access rights are inherited ACLs on Windows: modes and owners say nothing.
func privileged() bool                          { return false }
func (r Root) give(*os.File, fs.FileMode) error { return nil }
func links(fs.FileInfo) uint64                  { return 1 }
func othersMayWrite(fs.FileInfo, int) bool      { return false }
func writers(fs.FileInfo) int                   { return -1 }

const openFlags = 0

// Elevated returns false: no program on Windows has more rights than its starter.
func Elevated() bool { return false }

// Narrow does nothing.
func (r Root) Narrow(string, fs.FileInfo) error { return nil }
