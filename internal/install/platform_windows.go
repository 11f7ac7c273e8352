// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

const (
	// renamesAside is true: the file of a running program can be renamed, but
	// not be replaced.
	renamesAside = true
	sealFlag     = os.O_RDWR // FlushFileBuffers needs it
	// dirFlag opens a directory for writing too, which os.O_RDWR does not; it
	// is there, so that nothing is created.
	dirFlag = os.O_RDONLY | os.O_CREATE
)

func owner(fs.FileInfo) (uid, gid int) { return 0, 0 }

func links(f *os.File) (uint64, error) {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info); err != nil {
		return 0, fmt.Errorf("counting the names of %q: %w", f.Name(), err)
	}
	return uint64(info.NumberOfLinks), nil
}

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

// removeAtBoot asks Windows to remove a file that is in use when it starts next,
// which it does for administrators only. To others, the next update removes it.
func removeAtBoot(path string) {
	if name, err := windows.UTF16PtrFromString(path); err == nil {
		_ = windows.MoveFileEx(name, nil, windows.MOVEFILE_DELAY_UNTIL_REBOOT)
	}
}

// checkParent has nothing to look at: rights are inherited ACLs here.
func checkParent(string, fs.FileInfo) error { return nil }

func checkOwned(path string, info fs.FileInfo) error { return checkPrivate(path, info) }

func checkPrivate(path string, info fs.FileInfo) error {
	if !info.IsDir() {
		return fmt.Errorf("%w: %q is no directory (remove it)", ErrUnsafeDirectory, path)
	}
	return nil
}
