// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/choria-io/go-updater/internal/store"
)

// Plan has the options of Commit.
type Plan struct {
	Version  string // of the new file
	Previous string // version of the old file, empty if not known

	// Check tests the new file after it was installed. If it returns an error, the old
	// file is restored.
	Check func() error

	// Probation is how many starts without Confirm are allowed, and ProbationTime how long
	// after the first of them, while the machine is up; 0 for no limit.
	Probation     int
	ProbationTime time.Duration

	Judge  bool             // the old file can act as a judge, see Judge
	Accept *store.Installed // to be remembered, if not nil; Good is set by Commit
}

// Commit replaces the target by the staged file, and returns the path of the backup.
// After an error the target is the old file, or the error is a *RollbackFailure. Close
// removes the other files.
//
// The backup is the file that was replaced. If that was on probation, the backup stays
// as it is: it is the last version that was not.
func (s *Session) Commit(st *Staged, p Plan) (backup string, err error) {
	if s.closed {
		return "", errClosed
	}
	if st == nil || st.file == nil {
		return "", errors.New("staged file was not sealed, or is installed already")
	}
	defer st.close()
	sealed := st.info
	if st.info, err = s.copyMetadata(st.file); err != nil {
		return "", fmt.Errorf("copying owner and mode to the new file: %w", err)
	}
	if err := s.checkSealed(st, sealed); err != nil {
		return "", err
	}
	if s.renameAside {
		// Windows: a file that is open for writing can be neither run nor renamed.
		st.close()
	}
	var next record
	var saved namedFile
	tried, err := s.announce(func() (_ record, err error) {
		if next, saved, err = s.prepare(st, p); err != nil {
			return next, fmt.Errorf("making backup: %w", err)
		}
		return next, nil
	})
	if tried && err != nil {
		err = s.undoCommit(next, err)
	}
	if err != nil {
		return "", err
	}
	if err := s.replace(st, next, saved, p.Check); err != nil {
		return "", s.undoCommit(next, err)
	}
	// If this fails, Recover finishes the update, and it is reported as done. If there
	// is a check Recover would undo it, so it is undone here.
	if err := s.leave(next, record.finished); err != nil && next.Check {
		return "", s.undoCommit(next, s.restoreTarget(s.oldFile(next, saved), err))
	}
	if next.Older != "" {
		// An error is ignored: Close tries again, and the update is done.
		_ = s.fsys.Remove(s.workPath(next.Older))
	}
	return s.Target() + ".backup", nil
}

// prepare links the old file, and returns the journal of the swap and the link.
func (s *Session) prepare(st *Staged, p Plan) (next record, saved namedFile, err error) {
	kind, next := "backup", s.journal.next(swapping)
	if s.onProbation() {
		if intact, err := s.has(s.backup(), s.journal.Backup); err != nil {
			return next, namedFile{}, err
		} else if intact {
			kind, next.Backup, next.Judge = "keep", s.journal.Backup, s.journal.Judge
		}
	}
	saved, old, err := s.linkOrCopyTarget(kind)
	if err != nil {
		return next, saved, err
	}
	old.Version = p.Previous
	next.Old = old
	if kind == "keep" {
		next.Keep = filepath.Base(saved.name)
	} else {
		next.Backup, next.Judge = old, p.Judge
		if next.Older, err = s.nameForOlderBackup(); err != nil {
			return next, saved, err
		}
	}
	if s.renameAside {
		next.Aside = store.RandomName("aside")
	}
	next.New = content{Version: p.Version, Hash: st.hash, Size: st.info.Size(), ModTime: st.info.ModTime()}
	next.Check, next.Probation = p.Check != nil, probation{Limit: p.Probation, Time: p.ProbationTime}
	if p.Accept != nil {
		accept := *p.Accept
		accept.Good = !next.Probation.active()
		next.Accept = &accept
	}
	return next, saved, nil
}

// onProbation reports whether the target is a version on probation.
func (s *Session) onProbation() bool {
	return s.journal.onProbation() && s.targetHolds(s.journal.New)
}

// replace installs the backup, then the staged file, and runs check.
func (s *Session) replace(st *Staged, next record, saved namedFile, check func() error) error {
	if next.Keep == "" {
		if err := s.installBackup(next, saved); err != nil {
			return fmt.Errorf("making backup: %w", err)
		}
	}
	oldFile := s.oldFile(next, saved)
	if err := s.swap(namedFile{st.name, st.info, st.hash, st.file}, oldFile); err != nil {
		return err
	}
	if check == nil {
		return nil
	}
	if err := check(); err != nil {
		return s.restoreTarget(oldFile, fmt.Errorf("%w: %w", ErrHealth, err))
	}
	return nil
}

// oldFile returns where the old file is after the swap.
func (s *Session) oldFile(next record, saved namedFile) namedFile {
	switch {
	case s.renameAside:
		return namedFile{name: s.workPath(next.Aside), info: s.old, hash: next.Old.Hash}
	case next.Keep == "" && next.State == swapping:
		return namedFile{name: s.backup(), info: saved.info, hash: next.Old.Hash}
	}
	return saved
}

// undoCommit undoes backup and journal, after the target was restored.
func (s *Session) undoCommit(next record, cause error) error {
	if _, ok := errors.AsType[*RollbackFailure](cause); ok {
		return cause
	}
	if errors.Is(cause, ErrHealth) {
		next = next.failed(next.New, FailedHealthCheck, s.now())
	}
	// If this fails, the next Begin or Recover does it.
	if err := s.undoSwap(next); err != nil {
		return errors.Join(cause, fmt.Errorf("undoing the backup (the next update does it): %w", err))
	}
	return cause
}
