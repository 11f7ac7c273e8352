// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrHeld means that another holder, in this process or another one, has the
// lock. Try again later.
var ErrHeld = errors.New("lock is held by another")

// attempts bounds the retries after the file was removed, or exchanged, between
// two looks at it. Each retry means that another process has made progress.
const attempts = 64

// HeldError tells who holds the lock. It is an ErrHeld.
type HeldError struct {
	PID int // what the holder wrote down: news for a person, not to be acted on
}

func (e *HeldError) Error() string { return fmt.Sprintf("%v, process %d", ErrHeld, e.PID) }

// Is makes it an ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// LockDir is the directory of a lock file; *os.Root is one.
type LockDir interface {
	Lstat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
}

// Lock is a lock that is held.
type Lock struct {
	file *os.File
}

// Acquire takes the lock of the file called name, and creates that file when it
// is absent. It never waits: it returns ErrHeld when the lock is taken.
//
// The holder may remove the file before it calls Release. Who had the removed
// file open then holds a lock that nobody else will ever see, so after locking
// Acquire looks whether its file still is the one at the name.
func Acquire(dir LockDir, name string) (*Lock, error) {
	for range attempts {
		file, err := open(dir, name)
		if errors.Is(err, errRetry) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := tryLock(file); err != nil {
			err = holder(file, err)
			_ = file.Close()
			return nil, fmt.Errorf("locking %q: %w", name, err)
		}
		if isAt(dir, name, file) {
			sign(file)
			return &Lock{file: file}, nil
		}
		_ = file.Close()
	}
	return nil, fmt.Errorf("locking %q: %w", name, ErrHeld)
}

// Probe returns ErrHeld while somebody holds the lock of the file called name. It
// makes nothing; for a moment it may hold a free lock itself.
func Probe(dir LockDir, name string) error {
	info, err := dir.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return ErrNotRegular
	}
	file, err := dir.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := tryLock(file); err != nil {
		return holder(file, err)
	}
	return unlock(file)
}

// Release gives the lock up. Calling it again does nothing.
func (l *Lock) Release() error {
	if l.file == nil {
		return nil
	}
	file := l.file
	l.file = nil
	return errors.Join(unlock(file), file.Close())
}

// sign writes down who holds the lock. Whether that works does not matter. What
// holds anything else is another file, to which somebody made a hard link.
func sign(file *os.File) {
	info, err := file.Stat()
	if err != nil || info.Size() > 0 && signedBy(file) == 0 {
		return
	}
	line := strconv.Itoa(os.Getpid()) + "\n"
	if _, err := file.WriteAt([]byte(line), 0); err == nil {
		_ = file.Truncate(int64(len(line)))
	}
}

// holder adds to ErrHeld who it is, if that can be read.
func holder(file *os.File, err error) error {
	if !errors.Is(err, ErrHeld) {
		return err
	}
	if pid := signedBy(file); pid > 0 {
		return &HeldError{PID: pid}
	}
	return err
}

// signedBy returns what sign wrote, or 0.
func signedBy(file *os.File) (pid int) {
	var line [24]byte
	n, _ := file.ReadAt(line[:], 0)
	digits, whole := strings.CutSuffix(string(line[:n]), "\n")
	pid, err := strconv.Atoi(digits)
	if err != nil || !whole || pid <= 0 {
		return 0
	}
	return pid
}

var errRetry = errors.New("lock file was exchanged")

// open opens or creates the lock file. os.Root follows a symlink that stays inside
// it, unless the file is to be created exclusively; one that comes after the look
// leads to a file that is not the one at the name, which Acquire finds.
func open(dir LockDir, name string) (*os.File, error) {
	info, err := dir.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		file, err := dir.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return nil, errRetry
		}
		if err == nil {
			if in, err := dir.Lstat(filepath.Dir(name)); err == nil {
				share(file, in)
			}
		}
		return file, err
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("opening lock %q: %w", name, ErrNotRegular)
	}
	file, err := dir.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errRetry
	}
	return file, err
}

func isAt(dir LockDir, name string, file *os.File) bool {
	at, err := dir.Lstat(name)
	if err != nil {
		return false
	}
	info, err := file.Stat()
	return err == nil && os.SameFile(at, info)
}
