// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/choria-io/go-updater/internal/store"
)

const lockFile = "lock"

// WorkDir returns the private directory beside target, a path without symlinks. It need
// not exist.
func WorkDir(target string) string {
	return filepath.Join(filepath.Dir(target), workName(filepath.Base(target)))
}

// JournalPath returns where the journal of target is, symbolic links not resolved.
func JournalPath(target string) string { return filepath.Join(WorkDir(target), journalFile) }

func workName(base string) string { return "." + base + ".update" }

// Beside returns the other paths that an update of target creates or replaces.
func Beside(target string) []string {
	path, err := resolve(target)
	if err != nil {
		return nil
	}
	return []string{WorkDir(path), path + ".backup"}
}

// Room returns how many bytes an update of target needs besides the new file: for the
// journal, and for a copy of the old file if it cannot be linked.
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

// Busy returns a *LockedError if an update of target is running, and an
// ErrUnsafeDirectory if Begin would refuse the work directory. It changes nothing.
func Busy(target string, o Options) error {
	s, err := newSession(target, o)
	if err != nil {
		return err
	}
	defer s.fsys.Close()
	if err := s.statTarget(); err != nil {
		return err
	}
	verdict, _, err := s.findWorkDir()
	if verdict != store.Use && verdict != store.Narrow {
		return err
	}
	if err := store.Probe(s.fsys, s.workPath(lockFile)); errors.Is(err, store.ErrHeld) {
		return lockedError(s.Target(), err)
	}
	return nil
}

// lockedError returns the error for a lock that is held.
func lockedError(target string, err error) error {
	locked := &LockedError{Target: target}
	if held, ok := errors.AsType[*store.HeldError](err); ok {
		locked.PID = held.PID
	}
	return locked
}

// lockWorkDir creates and locks the work directory. With wait set it waits for the
// lock until ctx is done.
func (s *Session) lockWorkDir(ctx context.Context, wait bool) error {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		err := s.tryLockWorkDir()
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

// tryLockWorkDir retries, because the last holder of the lock may be removing the
// directory.
func (s *Session) tryLockWorkDir() error {
	var foreign error
	for range 16 {
		err := s.fsys.Mkdir(s.work, 0o700)
		created := err == nil
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("creating work directory: %w", err)
		}
		if foreign = nil; created {
			foreign = s.createdForeign()
		}
		if foreign == nil || !s.shared {
			err = s.access.Settle(s.fsys, s.work, s.WorkDir())
		}
		if err == nil {
			s.lock, err = store.AcquirePrivate(s.fsys, s.workPath(lockFile))
		}
		if err == nil {
			return nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if created {
			// It fails, as it should, if another update uses the directory.
			_ = s.fsys.Remove(s.work)
		}
		switch {
		case errors.Is(err, store.ErrHeld):
			return lockedError(s.Target(), err)
		case errors.Is(err, store.ErrNotRegular):
			return fmt.Errorf("%w: %w (remove %q)", ErrUnsafeDirectory, err, s.WorkDir())
		}
		return fmt.Errorf("preparing work directory: %w", err)
	}
	// If it was so only at times, another process made its directory in the place of ours.
	return cmp.Or(foreign, error(&LockedError{Target: s.Target()}))
}

// createdForeign returns an error if the work directory, which we have just created,
// belongs to another user than the target: some servers set the owner of all files.
func (s *Session) createdForeign() error {
	found, err := s.fsys.Lstat(s.work)
	if err != nil || s.access.Runner < 0 {
		return nil
	}
	uid, _ := store.Owner(found)
	if uid == s.access.Owner.UID {
		return nil
	}
	return fmt.Errorf("%w: what is created in %q belongs to user %d, and the target to user %d "+
		"(mount it without a fixed owner such as that of all_squash, or install the program elsewhere)",
		ErrUnsafeDirectory, s.dir, uid, s.access.Owner.UID)
}

// checkRunner returns an error if the runner is neither root nor the owner of the target.
func (s *Session) checkRunner() error {
	if !s.access.Outsider() {
		return nil
	}
	return fmt.Errorf("%w: %q belongs to user %d, this is user %d (update as that user, or as root): %w",
		ErrOwner, s.Target(), s.access.Owner.UID, s.access.Runner, fs.ErrPermission)
}

// checkParent refuses a directory in which every user may replace files of others, and one
// whose owner could have root run another program.
func (s *Session) checkParent(path string, info fs.FileInfo) error {
	if s.access.Exposes(info) {
		uid, _ := store.Owner(info)
		return fmt.Errorf("%w: user %d owns %q, and could have root run another program than that of user %d (chown the directory to root, or the program to user %d)",
			ErrUnsafeDirectory, uid, path, s.access.Owner.UID, uid)
	}
	if s.shared || !store.OpenToAll(info) {
		return nil
	}
	return fmt.Errorf("%w: every user may replace files in %q (chmod o-w, install the program elsewhere, or accept that with InsecureSharedDirectory())",
		ErrUnsafeDirectory, path)
}

// findWorkDir returns the work directory and what Begin would do with it. None is like
// that of another user: it has nothing for us.
func (s *Session) findWorkDir() (store.Verdict, fs.FileInfo, error) {
	found, err := s.fsys.Lstat(s.work)
	if errors.Is(err, fs.ErrNotExist) {
		return store.Replace, nil, nil
	}
	if err != nil {
		return store.Refuse, nil, err
	}
	above, err := s.fsys.Lstat(".")
	if err != nil {
		return store.Refuse, nil, err
	}
	verdict, err := s.access.Judge(s.WorkDir(), found, above)
	return verdict, found, err
}

// openWorkDir reports whether there is a work directory in which there may be something
// to recover.
func (s *Session) openWorkDir() (bool, error) {
	if err := s.statTarget(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	verdict, found, err := s.findWorkDir()
	if verdict == store.Narrow {
		_ = s.fsys.Narrow(s.work, found) // it may be unreadable; see store.Settle
	}
	return verdict == store.Use || verdict == store.Narrow, err
}

// unreadable takes a journal that the owner of the work directory may not open for a
// damaged one: root restored it, or edited it. Its next update can replace it, as every
// name in the directory is the owner's.
func (s *Session) unreadable(err error) error {
	err = fmt.Errorf("reading journal: %w", err)
	dir, statErr := s.fsys.Lstat(s.work)
	if !errors.Is(err, fs.ErrPermission) || statErr != nil {
		return err
	}
	if uid, _ := store.Owner(dir); uid != s.access.Runner {
		return err
	}
	s.damaged = fmt.Errorf("%w: %w (%s; the next update replaces it)", ErrJournal, err, s.WorkDir())
	return nil
}

// kindOf returns the kind of one of our random names, and "" for any other name. Files
// with other names are never removed.
func kindOf(name string) string {
	switch kind := store.KindOf(name); kind {
	case "aside", "backup", "keep", "previous", "stage", "write":
		return kind
	}
	return ""
}

// removeLeftovers removes what an update left in the work directory. An older backup
// goes back to its name, if that is free, or taken by the backup of a swap that was not
// made.
func (s *Session) removeLeftovers() error {
	names, err := s.fsys.Names(s.work)
	if err != nil {
		return err
	}
	var failed error
	for _, name := range names {
		kind := kindOf(name)
		switch {
		case name == journalLock:
			failed = errors.Join(failed, s.removeJournalLock())
			continue
		case name == startsFile && !s.journal.onProbation():
		case kind == "" && !store.IsTemporary(name), strings.HasPrefix(name, journalFile) && s.journalHeld():
			continue
		}
		name = s.workPath(name)
		info, err := s.fsys.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a file that another process was storing
		}
		if err != nil || info.IsDir() {
			failed = errors.Join(failed, err)
			continue
		}
		if kind == "previous" && s.needsOlderBackup() {
			err = s.fsys.Rename(name, s.backup())
		} else if err = s.fsys.Remove(name); kind == "aside" {
			err = nil // Windows: the program still runs from it
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// removeJournalLock removes what a process left that was stopped while it had the lock, or
// what was planted there.
func (s *Session) removeJournalLock() error {
	name := s.workPath(journalLock)
	held, err := store.AcquirePrivate(s.fsys, name)
	switch {
	case errors.Is(err, store.ErrHeld):
		return nil
	case err != nil:
		return s.fsys.Remove(name)
	}
	return errors.Join(s.fsys.Remove(name), held.Release())
}

// journalHeld reports whether a process is changing the journal, whose temporary file is
// in use then.
func (s *Session) journalHeld() bool {
	return errors.Is(store.Probe(s.fsys, s.workPath(journalLock)), store.ErrHeld)
}

// needsOlderBackup reports whether there is no backup, or only a link to the target.
func (s *Session) needsOlderBackup() bool {
	backup, err := s.fsys.Lstat(s.backup())
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	target, err := s.fsys.Lstat(s.base)
	return err == nil && os.SameFile(backup, target)
}

// removeWorkDir removes the work directory if it is empty. It is not, and Remove fails,
// if it has a journal or what the caller remembers.
func (s *Session) removeWorkDir() { _ = s.fsys.Remove(s.work) }
