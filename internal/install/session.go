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

// Session is an update of a target, which no other session can update at the same time.
// It is not safe for concurrent use.
type Session struct {
	fsys        fsys
	dir         string // of the target; names are relative to it
	base        string
	work        string
	old         fs.FileInfo // the target when the lock was taken
	lock        *store.Lock
	access      store.Access
	shared      bool // see Options
	staged      []*Staged
	renameAside bool // renamesAside, but for tests
	closed      bool

	now    func() time.Time
	boot   func() time.Duration
	bootID func() string
	runs   func(target string) Running
	hold   func(*store.Lock) error // nil: a start ends with the call

	journal   record
	onDisk    []byte // the journal as it was read or written
	damaged   error  // why the journal on disk cannot be used
	recovered Recovery
	hashed    *hashedFile // the target

	lost       []string // attributes
	movedAside []string // names of files that were moved aside
	notRemoved []string // downloads that Close tries to remove again
}

// Options are how a target is updated. The zero value is the strict one, and right for a
// process that ends soon.
type Options struct {
	// Wait makes Begin wait for another update of the target, until its context is done.
	Wait bool

	// Shared accepts directories that every user may write to: each of them can
	// replace the target, and what is remembered of it.
	Shared bool

	Now    func() time.Time     // nil: time.Now
	Boot   func() time.Duration // time since the machine was booted; nil: the system's
	BootID func() string        // which boot; nil: the system's

	// Hold keeps a lock until the process ends, see [store.Lock.Detach]. With it a start
	// that Recover counts lasts as long as the process.
	Hold func(*store.Lock) error

	open func(dir string) (fsys, error) // nil: openRoot
	runs func(target string) Running    // nil: Runs
}

// Begin prepares the update of target. It takes the lock, and finishes or undoes an
// interrupted update or rollback. It returns ErrLocked if another update is running.
// The caller must close the session.
func Begin(ctx context.Context, target string, o Options) (*Session, error) {
	s, err := newSession(target, o)
	if err != nil {
		return nil, err
	}
	if err := s.lockAndRecover(ctx, o.Wait); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// newSession opens the directory that contains target, after symlinks are resolved.
func newSession(target string, o Options) (*Session, error) {
	path, err := resolve(target)
	if err != nil {
		return nil, fmt.Errorf("finding target: %w", err)
	}
	s := &Session{
		dir: filepath.Dir(path), base: filepath.Base(path), shared: o.Shared, renameAside: renamesAside,
		now: o.Now, boot: o.Boot, bootID: o.BootID, runs: o.runs, hold: o.Hold,
	}
	s.work = workName(s.base)
	if s.now == nil {
		s.now = time.Now
	}
	if s.boot == nil {
		s.boot = sinceBoot
	}
	if s.bootID == nil {
		s.bootID = bootID
	}
	if s.runs == nil {
		s.runs = Runs
	}
	open := openRoot
	if o.open != nil {
		open = o.open
	}
	if s.fsys, err = open(s.dir); err != nil {
		return nil, fmt.Errorf("opening directory of target: %w", err)
	}
	return s, nil
}

// resolve resolves symlinks. Where an interrupted swap can leave no target, a target
// with a journal beside it need not exist.
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

func (s *Session) lockAndRecover(ctx context.Context, wait bool) error {
	// First, so that nothing is created if there is nothing to update.
	if err := s.statTarget(); err != nil && !(s.renameAside && errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	if err := errors.Join(s.checkRunner(), s.checkParents()); err != nil {
		return err
	}
	if err := s.lockWorkDir(ctx, wait); err != nil {
		return err
	}
	if err := s.readJournal(); err != nil {
		return err
	}
	if err := s.recover(); err != nil {
		return fmt.Errorf("recovering from an interrupted update: %w", err)
	}
	if err := s.removeLeftovers(); err != nil {
		return fmt.Errorf("removing leftovers of an earlier update: %w", err)
	}
	// Again, as the target, and with it its owner, may have been exchanged meanwhile.
	if err := s.statTarget(); err != nil {
		return err
	}
	if err := errors.Join(s.checkRunner(), s.checkParents()); err != nil {
		return err
	}
	return s.notePutBack(ctx)
}

// notePutBack writes down that a person put the backup back by hand.
func (s *Session) notePutBack(ctx context.Context) error {
	if !s.journal.putBack(s.old) {
		return nil
	}
	if same, err := s.has(s.base, s.journal.Backup); err != nil || !same {
		return err
	}
	return s.change(ctx, func(r record) (record, error) {
		if !r.putBack(s.old) {
			return r, errNoChange
		}
		return r.leftByHand(s.now()), nil
	})
}

// checkParents checks all directories above the target. A user who can replace one of
// them can replace the files that a caller opens by path.
func (s *Session) checkParents() error {
	parent, err := s.fsys.Lstat(".")
	if err != nil {
		return fmt.Errorf("checking directory of target: %w", err)
	}
	if err := s.checkParent(s.dir, parent); err != nil {
		return err
	}
	for dir := filepath.Dir(s.dir); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("checking directory of target: %w", err)
		}
		if err := s.checkParent(dir, info); err != nil {
			return err
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (s *Session) statTarget() (err error) {
	if s.old, err = s.fsys.Lstat(s.base); err != nil {
		return fmt.Errorf("checking target: %w", err)
	}
	if !s.old.Mode().IsRegular() {
		return fmt.Errorf("target %q: %w", s.Target(), store.ErrNotRegular)
	}
	s.access = store.AccessTo(s.old, s.shared)
	s.fsys.CreateFor(s.access.Owner)
	return nil
}

// Owner returns the user id of the owner of the target, 0 on Windows.
func (s *Session) Owner() int { return s.access.Owner.UID }

// workPath returns the path of a file in the work directory.
func (s *Session) workPath(name string) string { return filepath.Join(s.work, name) }

func (s *Session) backup() string { return s.base + ".backup" }

// Recovered reports what Begin finished or undid.
func (s *Session) Recovered() Recovery { return s.recovered }

// Lost returns the attributes, flags and streams of the old file that the new one could
// not have.
func (s *Session) Lost() []string { return s.lost }

// Target returns the path of the target, without symlinks.
func (s *Session) Target() string { return filepath.Join(s.dir, s.base) }

// WorkDir returns the path of the private directory beside the target.
func (s *Session) WorkDir() string { return filepath.Join(s.dir, s.work) }

// StagePath returns a new path in the work directory, at which the caller creates a
// file for Seal; see Create.
func (s *Session) StagePath() (string, error) {
	if s.closed {
		return "", errClosed
	}
	return filepath.Join(s.WorkDir(), store.RandomName("stage")), nil
}

// Create creates the file for Seal at a StagePath, private, and returns how to remove it.
// Unlike a caller that opens the path, it follows no link out of the target's directory that
// was put in the place of the work directory (T18). The file stays root's until Commit.
func (s *Session) Create(path string) (f *os.File, remove func() error, err error) {
	if s.closed {
		return nil, nil, errClosed
	}
	name, err := s.stageName(path)
	if err != nil {
		return nil, nil, err
	}
	s.fsys.CreateFor(store.User{})
	defer s.fsys.CreateFor(s.access.Owner)
	f, err = s.fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return f, func() error { return s.fsys.Remove(name) }, err
}

// stageName returns the name of the file at a StagePath.
func (s *Session) stageName(path string) (string, error) {
	base := filepath.Base(path)
	if kindOf(base) != "stage" || filepath.Clean(path) != filepath.Join(s.WorkDir(), base) {
		return "", fmt.Errorf("staged file %q is not at a stage path of this update", path)
	}
	return s.workPath(base), nil
}

var errClosed = fmt.Errorf("update session: %w", fs.ErrClosed)

// Close ends the session and removes what it left behind, and the work directory if it
// is empty then. Calling it again does nothing.
func (s *Session) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	for _, st := range s.staged {
		st.close()
	}
	var failed error
	if s.lock != nil {
		failed = s.removeFiles()
		// Removed before it is released: a process that waits for it notices that, and
		// locks the next file with this name.
		failed = errors.Join(failed, s.fsys.Remove(s.workPath(lockFile)))
		s.removeWorkDir()
		failed = errors.Join(failed, s.lock.Release())
	}
	if err := errors.Join(failed, s.fsys.Close()); err != nil {
		return fmt.Errorf("ending the update of %q: %w", s.Target(), err)
	}
	return nil
}

func (s *Session) removeFiles() (failed error) {
	// Files that an unfinished journal names are left for Recover, or, after a
	// RollbackFailure, for a person.
	if s.journal.atRest() {
		failed = s.removeLeftovers()
		for _, name := range s.movedAside {
			if _, err := s.fsys.Lstat(name); err == nil {
				removeAtBoot(filepath.Join(s.dir, name))
			}
		}
	}
	for _, name := range s.notRemoved {
		failed = errors.Join(failed, s.fsys.Remove(name))
	}
	return failed
}
