// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrHeld means that another holder, in this process or another one, has the lock. Try
// again later.
var ErrHeld = errors.New("lock is held")

// attempts bounds the retries after the lock file was removed or replaced between two
// calls. Each retry means that another process has made progress.
const attempts = 64

// HeldError is an ErrHeld that names the holder of the lock.
type HeldError struct {
	PID int // as the holder wrote it: for people, never to be acted on
}

func (e *HeldError) Error() string { return fmt.Sprintf("%v by process %d", ErrHeld, e.PID) }

// Is reports whether target is ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// LockDir is the directory of a lock file. *os.Root implements it.
type LockDir interface {
	Lstat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
}

// Lock is a held lock. It is not safe for concurrent use.
type Lock struct {
	file *os.File
}

// Acquire locks the file called name, and creates it if it does not exist. It does not
// wait: it returns ErrHeld if another holder has the lock, and ErrNotRegular if name is
// not a regular file.
//
// The holder may remove the file before it calls Release. A process that has the
// removed file open would then lock a file that no other process can open. So after
// locking, Acquire checks that its file is still the one at name.
func Acquire(dir LockDir, name string) (*Lock, error) {
	return acquire(dir, name, tryLock)
}

// AcquireShared is Acquire for a lock that others may hold at the same time, with
// AcquireShared too.
func AcquireShared(dir LockDir, name string) (*Lock, error) {
	return acquire(dir, name, tryLockShared)
}

// AcquireWhenFree is AcquirePrivate, but waits until ctx is done.
func AcquireWhenFree(ctx context.Context, dir FS, name string) (*Lock, error) {
	for {
		held, err := AcquirePrivate(dir, name)
		if err == nil || !errors.Is(err, ErrHeld) {
			return held, err
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting: %w: %w", err, ctx.Err())
		}
	}
}

func acquire(dir LockDir, name string, tryLock func(*os.File) error) (*Lock, error) {
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
			sign(dir, name, file)
			return &Lock{file: file}, nil
		}
		_ = file.Close()
	}
	return nil, fmt.Errorf("locking %q: %w", name, ErrHeld)
}

// abandonedAfter is how old a lock file is that was left behind by a process that was
// stopped before it gave the file its owner and mode.
const abandonedAfter = 2 * time.Second

// AcquirePrivate is Acquire in a private directory: its users may open every lock in it,
// and one that they may not open was left behind.
func AcquirePrivate(dir FS, name string) (*Lock, error) {
	lock, err := Acquire(dir, name)
	if !errors.Is(err, fs.ErrPermission) {
		return lock, err
	}
	info, statErr := dir.Lstat(name)
	if statErr != nil || time.Since(info.ModTime()).Abs() < abandonedAfter {
		return nil, err
	}
	if removeErr := dir.Remove(name); removeErr != nil {
		return nil, errors.Join(err, removeErr)
	}
	return Acquire(dir, name)
}

// Probe returns ErrHeld if the file called name is locked. It does not create the
// file. It holds a free lock itself for a moment.
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

// Release releases the lock. Calling it again does nothing.
func (l *Lock) Release() error {
	if l.file == nil {
		return nil
	}
	file := l.file
	l.file = nil
	return errors.Join(unlock(file), file.Close())
}

// Detach keeps the lock until this process ends, whatever becomes of l.
func (l *Lock) Detach() error {
	if l.file == nil {
		return nil
	}
	return errors.Join(keepOpen(l.file), l.file.Close())
}

// sign writes the process id of the holder to the lock file. Errors are ignored. A
// file that has another name, other content, or another owner than the one that root
// creates locks for, is not written to: it was planted, or moved there.
func sign(dir LockDir, name string, file *os.File) {
	info, err := file.Stat()
	if err != nil || links(info) != 1 || info.Size() > 0 && signedBy(file) == 0 {
		return
	}
	if in, err := dir.Lstat(filepath.Dir(name)); err != nil || privileged() && !sameOwner(info, in) {
		return
	}
	line := strconv.Itoa(os.Getpid()) + "\n"
	if _, err := file.WriteAt([]byte(line), 0); err == nil {
		_ = file.Truncate(int64(len(line)))
	}
}

// holder returns a HeldError instead of ErrHeld if it can read who the holder is.
func holder(file *os.File, err error) error {
	if !errors.Is(err, ErrHeld) {
		return err
	}
	if pid := signedBy(file); pid > 0 {
		return &HeldError{PID: pid}
	}
	return err
}

// signedBy returns the process id that sign wrote, or 0.
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

var errRetry = errors.New("lock file was replaced")

// open opens or creates the lock file. os.Root follows a symlink that stays inside it,
// unless it creates the file exclusively. If a symlink is put there after Lstat, the
// opened file is not the one at name, which Acquire detects.
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
