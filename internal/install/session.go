// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/choria-io/go-updater/internal/store"
)

// TrustFile is the name, in the work directory, of what the caller remembers of
// earlier updates. It outlives the session.
const TrustFile = "trust.json"

const lockFile = "lock"

// WorkDir returns the private directory beside target, a path that is resolved
// already. It may be absent.
func WorkDir(target string) string {
	return filepath.Join(filepath.Dir(target), workName(filepath.Base(target)))
}

// Beside returns the other paths that an update of target works with.
func Beside(target string) []string {
	path, err := resolve(target)
	if err != nil {
		return nil
	}
	return []string{WorkDir(path), path + ".backup"}
}

// Room is how many bytes an update of target takes besides the new file: a
// journal, and a copy of the old file where a link will not do.
func Room(target string) int64 {
	info, err := os.Stat(target)
	if err != nil || !info.Mode().IsRegular() || !renamesAside && hasOneName(target) {
		return maxJournal
	}
	return maxJournal + info.Size()
}

func hasOneName(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	n, err := links(f)
	return err == nil && n == 1
}

// Busy returns a *LockedError while an update of target runs, and changes nothing.
func Busy(target string) error {
	path, err := resolve(target)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(WorkDir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	err = store.Probe(root, lockFile)
	if held, ok := errors.AsType[*store.HeldError](err); ok {
		return &LockedError{Target: path, PID: held.PID}
	} else if errors.Is(err, store.ErrHeld) {
		return &LockedError{Target: path}
	}
	return nil
}

func workName(base string) string { return "." + base + ".update" }

// Session is one update of one target, which nobody else can update meanwhile.
// It is for one goroutine.
type Session struct {
	fsys   fsys
	dir    string // of the target; names are relative to it
	base   string
	work   string
	old    fs.FileInfo // the target as it was when the lock was taken
	lock   *store.Lock
	staged []*Staged
	aside  bool // see renamesAside
	broken bool // what a person needs to mend the target is not removed
	closed bool

	journal   record
	damaged   error // why the journal on disk is not believed
	recovered Recovery
	lost      []string
	moved     []string // aside
	measured  *measured
	measuring *measuring
	unwanted  []string // downloads that could not be removed
}

// Begin prepares the update of target: it takes the lock, and ends what an
// earlier update or rollback left half done. Close the session when done.
func Begin(ctx context.Context, target string) (*Session, error) {
	return begin(ctx, target, false, openRoot)
}

// BeginWhenFree is Begin, but waits for another update of target to end, until
// ctx is done.
func BeginWhenFree(ctx context.Context, target string) (*Session, error) {
	return begin(ctx, target, true, openRoot)
}

func begin(ctx context.Context, target string, wait bool, open func(dir string) (fsys, error)) (*Session, error) {
	s, err := find(target, open)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx, wait); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// find opens the directory that target lies in, symbolic links followed.
func find(target string, open func(dir string) (fsys, error)) (*Session, error) {
	path, err := resolve(target)
	if err != nil {
		return nil, fmt.Errorf("finding target: %w", err)
	}
	s := &Session{dir: filepath.Dir(path), base: filepath.Base(path), aside: renamesAside}
	s.work = workName(s.base)
	if s.fsys, err = open(s.dir); err != nil {
		return nil, fmt.Errorf("opening directory of target: %w", err)
	}
	return s, nil
}

// resolve follows symbolic links. Where a swap that was interrupted can leave no
// target, its directory is enough.
func resolve(target string) (string, error) {
	path, err := filepath.Abs(target)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if !renamesAside || !errors.Is(err, fs.ErrNotExist) {
		return resolved, err
	}
	dir, dirErr := filepath.EvalSymlinks(filepath.Dir(path))
	if dirErr != nil {
		return "", dirErr
	}
	if _, workErr := os.Lstat(filepath.Join(dir, workName(filepath.Base(path)), journalFile)); workErr != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.Base(path)), nil
}

func (s *Session) start(ctx context.Context, wait bool) error {
	// Before anything is made: there may be nothing to update.
	if err := s.lookAtTarget(); err != nil && !(s.aside && errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	if err := s.checkParents(); err != nil {
		return err
	}
	if err := s.lockWork(ctx, wait); err != nil {
		return err
	}
	if err := s.readJournal(); err != nil {
		return err
	}
	if err := s.recover(); err != nil {
		return fmt.Errorf("ending an interrupted update: %w", err)
	}
	if err := s.clean(); err != nil {
		return fmt.Errorf("removing leftovers of an earlier update: %w", err)
	}
	return s.lookAtTarget()
}

// checkParents looks at all directories above the target: whoever can exchange
// one leads those astray who go by the path, a downloader, and what is remembered.
func (s *Session) checkParents() error {
	parent, err := s.fsys.Lstat(".")
	if err != nil {
		return fmt.Errorf("checking directory of target: %w", err)
	}
	if err := checkParent(s.dir, parent); err != nil {
		return err
	}
	for dir := filepath.Dir(s.dir); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("checking directory of target: %w", err)
		}
		if err := checkParent(dir, info); err != nil {
			return err
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (s *Session) lookAtTarget() (err error) {
	if s.old, err = s.fsys.Lstat(s.base); err != nil {
		return fmt.Errorf("checking target: %w", err)
	}
	if !s.old.Mode().IsRegular() {
		return fmt.Errorf("target %q: %w", s.Target(), store.ErrNotRegular)
	}
	return nil
}

// lockWork makes and locks the work directory, and waits for it when told to.
func (s *Session) lockWork(ctx context.Context, wait bool) error {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		err := s.tryLockWork()
		if !wait || !errors.Is(err, ErrLocked) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// tryLockWork: its last user may be removing the directory just now, hence the
// loop.
func (s *Session) tryLockWork() error {
	for range 16 {
		err := s.fsys.Mkdir(s.work, 0o700)
		made := err == nil
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("making work directory: %w", err)
		}
		if err = s.checkWork(); err == nil {
			s.lock, err = store.Acquire(s.fsys, s.in(lockFile))
		}
		if err == nil {
			return nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if made {
			// Fails if another update has begun in it, as it should.
			_ = s.fsys.Remove(s.work)
		}
		if held, ok := errors.AsType[*store.HeldError](err); ok {
			return &LockedError{Target: s.Target(), PID: held.PID}
		}
		switch {
		case errors.Is(err, store.ErrHeld):
			return &LockedError{Target: s.Target()}
		case errors.Is(err, store.ErrNotRegular):
			return fmt.Errorf("%w: %w (remove %q)", ErrUnsafeDirectory, err, s.WorkDir())
		}
		return fmt.Errorf("preparing work directory: %w", err)
	}
	return &LockedError{Target: s.Target()}
}

func (s *Session) checkWork() error {
	info, err := s.fsys.Lstat(s.work)
	if err != nil {
		return err
	}
	return checkPrivate(s.WorkDir(), info)
}

// kindOf returns the kind of a random name of ours, and nothing for any other
// name. Nothing else is ever removed.
func kindOf(name string) string {
	switch kind := store.KindOf(name); kind {
	case "aside", "backup", "keep", "previous", "stage", "write":
		return kind
	}
	return ""
}

// clean removes what an update left in the work directory. An older backup goes
// back to its place, if that is empty or taken by a backup of a swap that never
// happened.
func (s *Session) clean() error {
	names, err := s.fsys.Names(s.work)
	if err != nil {
		return err
	}
	var failed error
	for _, name := range names {
		kind := kindOf(name)
		if kind == "" && !store.IsTemporary(name) {
			continue
		}
		name = s.in(name)
		info, err := s.fsys.Lstat(name)
		if err != nil || info.IsDir() {
			failed = errors.Join(failed, err)
			continue
		}
		if kind == "previous" && s.backupIsOpen() {
			err = s.fsys.Rename(name, s.backup())
		} else if err = s.fsys.Remove(name); kind == "aside" {
			err = nil // Windows: the program still runs from it
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

func (s *Session) backupIsOpen() bool {
	backup, err := s.fsys.Lstat(s.backup())
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	target, err := s.fsys.Lstat(s.base)
	return err == nil && os.SameFile(backup, target)
}

func (s *Session) in(name string) string { return filepath.Join(s.work, name) }

func (s *Session) backup() string { return s.base + ".backup" }

// Recovered is what Begin found to be interrupted, and ended.
func (s *Session) Recovered() Recovery { return s.recovered }

// Lost are the attributes, flags and streams of the old file that the new one could
// not have.
func (s *Session) Lost() []string { return s.lost }

// Target is the path of the file that is replaced, without symlinks.
func (s *Session) Target() string { return filepath.Join(s.dir, s.base) }

// WorkDir is the path of the session's private directory.
func (s *Session) WorkDir() string { return filepath.Join(s.dir, s.work) }

// Holds tells whether the target is the file that is about to be installed:
// installing it again would give the backup up for a copy of the target. Size
// may be AnySize.
func (s *Session) Holds(sha256hex string, size int64) bool {
	f, info, err := store.OpenRegular(s.fsys, s.base, os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	if size != AnySize && size != info.Size() {
		return false // without reading it
	}
	// Read, and not looked up: a file that was damaged in place is replaced.
	c, err := s.measure(f, info)
	return err == nil && c.Hash == sha256hex
}

// StagePath returns a new name in the work directory, at which the caller makes
// a file for Seal. Meanwhile the target is read, which Commit needs.
func (s *Session) StagePath() (string, error) {
	if s.closed {
		return "", errClosed
	}
	s.measureOld()
	return filepath.Join(s.WorkDir(), store.RandomName("stage")), nil
}

var errClosed = fmt.Errorf("update session: %w", fs.ErrClosed)

// Close ends the session and removes what it left behind; the work directory
// too, unless it holds something of the caller's. Calling it again does nothing.
func (s *Session) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.abandonMeasuring()
	var failed error
	for _, st := range s.staged {
		st.close()
	}
	if s.lock != nil {
		// What the journal still speaks of is left to Recover.
		if unfinished := s.journal.State == swapping || s.journal.State == restoring; !s.broken && !unfinished {
			failed = s.clean()
			for _, name := range s.moved {
				if _, err := s.fsys.Lstat(name); err == nil {
					removeAtBoot(filepath.Join(s.dir, name))
				}
			}
		}
		for _, name := range s.unwanted {
			failed = errors.Join(failed, s.fsys.Remove(name))
		}
		// Removed while it is held: whoever waits for it notices, and takes
		// the lock of the next file of that name.
		failed = errors.Join(failed, s.fsys.Remove(s.in(lockFile)))
		s.removeWork()
		failed = errors.Join(failed, s.lock.Release())
	}
	if err := errors.Join(failed, s.fsys.Close()); err != nil {
		return fmt.Errorf("ending the update of %q: %w", s.Target(), err)
	}
	return nil
}

// removeWork removes the work directory if it is empty. It never is with
// remembered trust in it, so an error is what often is expected.
func (s *Session) removeWork() { _ = s.fsys.Remove(s.work) }
