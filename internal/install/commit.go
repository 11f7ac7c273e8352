// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/choria-io/go-updater/internal/store"
)

// spare is another name for a file, or a copy of it.
type spare struct {
	name string
	info fs.FileInfo
}

// Plan is what Commit is to do beyond the swap.
type Plan struct {
	Version  string // of the new file
	Previous string // of the old one, empty if not known

	// Check looks at the new file in place; its error puts the old one back.
	Check func() error

	// Probation is how many starts without Confirm are granted; 0 for any.
	Probation int
}

// Commit puts the staged file in the target's place and returns the path of the
// backup. After an error the target is the old one, or the error is a
// *RollbackFailure; Close takes away the rest.
//
// The backup is the file that was replaced, unless that was on probation: then
// it stays the last one that was not.
func (s *Session) Commit(st *Staged, p Plan) (backup string, err error) {
	if s.closed {
		return "", errClosed
	}
	if st == nil || st.file == nil {
		return "", errors.New("staged file was not sealed, or is installed already")
	}
	defer st.close()
	sealed := st.info
	if st.info, err = s.dress(st.file); err != nil {
		return "", fmt.Errorf("giving the new file owner and mode of the old: %w", err)
	}
	if !store.SameContent(st.info, sealed) {
		return "", fmt.Errorf("staged file: %w", ErrChanged)
	}
	if s.aside {
		// Windows: what is open for writing cannot be run, nor renamed over.
		st.close()
	}
	next, made, err := s.prepare(st, p)
	if err != nil {
		return "", fmt.Errorf("making backup: %w", err)
	}
	if err := s.write(next); err != nil {
		return "", s.undoCommit(next, err)
	}
	if err := s.replace(st, next, made, p.Check); err != nil {
		return "", s.undoCommit(next, err)
	}
	// Without a check Recover would finish what is reported as done; with one,
	// undo it.
	if err := s.write(next.done()); err != nil && next.Check {
		return "", s.undoCommit(next, s.putBack(s.kept(next, made), err))
	}
	if next.Older != "" {
		// Close tries again, and what stays is not a reason to call this a failure.
		_ = s.fsys.Remove(s.in(next.Older))
	}
	return s.Target() + ".backup", nil
}

// prepare makes the second name of the old file, and the journal of the swap.
func (s *Session) prepare(st *Staged, p Plan) (record, spare, error) {
	kind, next := "backup", s.journal.begun(swapping)
	if s.onProbation() {
		if good, err := s.holds(s.backup(), s.journal.Backup); err != nil {
			return next, spare{}, err
		} else if good {
			kind, next.Backup = "keep", s.journal.Backup
		}
	}
	made, old, err := s.spareTarget(kind)
	if err != nil {
		return next, made, err
	}
	old.Version = p.Previous
	next.Old = old
	if kind == "keep" {
		next.Keep = filepath.Base(made.name)
	} else {
		next.Backup = old
		if next.Older, err = s.olderBackup(); err != nil {
			return next, made, err
		}
	}
	if s.aside {
		next.Aside = store.RandomName("aside")
	}
	next.New = content{Version: p.Version, Hash: st.hash, Size: st.info.Size(), ModTime: st.info.ModTime()}
	next.Check, next.Probation = p.Check != nil, p.Probation
	return next, made, nil
}

// onProbation says whether the target is a version that may be given up.
func (s *Session) onProbation() bool {
	j := s.journal
	return j.State == installed && j.Probation > 0 && j.New.is(s.old)
}

// done is the journal once the target is j.New for good.
func (j record) done() record {
	return record{State: installed, New: j.New, Backup: j.Backup, Probation: j.Probation, Failed: j.Failed}
}

// replace makes the backup and swaps.
func (s *Session) replace(st *Staged, next record, made spare, check func() error) error {
	if next.Keep == "" {
		if err := s.placeBackup(next, made); err != nil {
			return fmt.Errorf("making backup: %w", err)
		}
	}
	kept := s.kept(next, made)
	if err := s.swap(st.name, st.info, kept); err != nil {
		return err
	}
	if check == nil {
		return nil
	}
	if err := check(); err != nil {
		return s.putBack(kept, fmt.Errorf("%w: %w", ErrHealth, err))
	}
	return nil
}

// kept is where the old file is once the new one has its name.
func (s *Session) kept(next record, made spare) spare {
	switch {
	case s.aside:
		return spare{s.in(next.Aside), s.old}
	case next.Keep == "" && next.State == swapping:
		return spare{s.backup(), made.info}
	}
	return made
}

func (s *Session) placeBackup(next record, made spare) error {
	if next.Older != "" {
		// Renaming over it instead would lose it if the swap fails, and would do
		// nothing at all if both were links to one file.
		if err := s.fsys.Rename(s.backup(), s.in(next.Older)); err != nil {
			return err
		}
	}
	if err := s.fsys.Rename(made.name, s.backup()); err != nil {
		return err
	}
	return store.SyncDir(s.fsys, ".")
}

// undoCommit leaves backup and journal as they were, after the target is again.
func (s *Session) undoCommit(next record, cause error) error {
	if _, ok := errors.AsType[*RollbackFailure](cause); ok {
		return cause
	}
	// If this fails the next Begin, or Recover, does it.
	if err := s.undoSwap(next); err != nil {
		return errors.Join(cause, fmt.Errorf("undoing the backup (the next update does it): %w", err))
	}
	return cause
}

// dress gives a verified file the target's owner, mode and attributes. Owner first: a
// change of owner clears setuid. What was asked for is then looked at, because
// the kernel drops setgid in silence if we are not in the group.
func (s *Session) dress(f *os.File) (fs.FileInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	uid, gid := store.Owner(s.old)
	if u, g := store.Owner(info); u != uid || g != gid {
		if err := s.fsys.Chown(f, uid, gid); err != nil {
			return nil, fmt.Errorf("%w: user %d, group %d: %w", ErrOwner, uid, gid, err)
		}
	}
	if err := s.fsys.Chmod(f, s.old.Mode()); err != nil {
		return nil, fmt.Errorf("%w: mode %v: %w", ErrOwner, s.old.Mode(), err)
	}
	if err := s.carry(f); err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if u, g := store.Owner(info); u != uid || g != gid || info.Mode() != s.old.Mode() {
		return nil, fmt.Errorf("%w: user %d, group %d, mode %v became %d, %d, %v", ErrOwner, uid, gid, s.old.Mode(), u, g, info.Mode())
	}
	if err := s.fsys.Sync(f); err != nil {
		return nil, fmt.Errorf("forcing out: %w", err)
	}
	return info, nil
}

// carry gives f the attributes of the target; an ACL among them is part of its
// mode.
func (s *Session) carry(f *os.File) error {
	src, info, err := store.OpenRegular(s.fsys, s.base, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer src.Close()
	if !store.Same(info, s.old) {
		return fmt.Errorf("target: %w", ErrChanged)
	}
	lost, err := s.fsys.Carry(f, src)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOwner, err)
	}
	s.lost = append(s.lost, lost...)
	return nil
}

// olderBackup is a name for whatever is at the backup's name, if there is
// something.
func (s *Session) olderBackup() (string, error) {
	info, err := s.fsys.Lstat(s.backup())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case info.IsDir():
		return "", fmt.Errorf("%q is a directory (move it away)", s.backup())
	}
	return store.RandomName("previous"), nil
}
