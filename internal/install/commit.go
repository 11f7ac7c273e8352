// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// spare is another name for a file, or a copy of it.
type spare struct {
	name string
	info fs.FileInfo
}

// Commit puts the staged file in the target's place and returns the path of the
// backup. After an error the target is the old one, or the error is a
// *RollbackFailure; Close takes away the rest.
func (s *Session) Commit(st *Staged) (backup string, err error) {
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
	if !sameContent(st.info, sealed) {
		return "", fmt.Errorf("staged file: %w", ErrChanged)
	}
	made, err := s.spareTarget("backup")
	if err != nil {
		return "", fmt.Errorf("making backup: %w", err)
	}
	backup, previous := s.backup(), s.in(random("previous"))
	if err = s.moveAway(backup, previous); err == nil {
		err = s.fsys.Rename(made.name, backup)
	}
	if err == nil {
		err = syncDir(s.fsys)
	}
	if err != nil {
		return "", s.undoBackup(made, previous, fmt.Errorf("making backup: %w", err))
	}
	if err := s.swap(st.name, st.info, spare{backup, made.info}); err != nil {
		return "", s.undoBackup(made, previous, err)
	}
	// Close tries again, and what stays is not a reason to call this a failure.
	_ = s.fsys.Remove(previous)
	return s.Target() + ".backup", nil
}

// dress gives a verified file the target's owner and mode. Owner first: a
// change of owner clears setuid. What was asked for is then looked at, because
// the kernel drops setgid in silence if we are not in the group.
func (s *Session) dress(f *os.File) (fs.FileInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	uid, gid := owner(s.old)
	if u, g := owner(info); u != uid || g != gid {
		if err := s.fsys.Chown(f, uid, gid); err != nil {
			return nil, fmt.Errorf("%w: user %d, group %d: %w", ErrOwner, uid, gid, err)
		}
	}
	if err := s.fsys.Chmod(f, s.old.Mode()); err != nil {
		return nil, fmt.Errorf("%w: mode %v: %w", ErrOwner, s.old.Mode(), err)
	}
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if u, g := owner(info); u != uid || g != gid || info.Mode() != s.old.Mode() {
		return nil, fmt.Errorf("%w: user %d, group %d, mode %v became %d, %d, %v", ErrOwner, uid, gid, s.old.Mode(), u, g, info.Mode())
	}
	if err := s.fsys.Sync(f); err != nil {
		return nil, fmt.Errorf("forcing out: %w", err)
	}
	return info, nil
}

// moveAway moves whatever is at the backup's name. Renaming over it instead would
// lose it if the swap fails, and would do nothing at all if both were links to
// one file.
func (s *Session) moveAway(backup, previous string) error {
	info, err := s.fsys.Lstat(backup)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%q is a directory (move it away)", backup)
	}
	return s.fsys.Rename(backup, previous)
}

// undoBackup leaves at the backup's name what was there before.
func (s *Session) undoBackup(made spare, previous string, cause error) error {
	var failure *RollbackFailure
	if errors.As(cause, &failure) {
		return cause
	}
	at, err := s.fsys.Lstat(s.backup())
	if err == nil && os.SameFile(at, made.info) {
		err = s.fsys.Remove(s.backup())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(cause, fmt.Errorf("removing backup: %w", err))
	}
	// If this fails Close, or the next Begin, does it.
	if err := s.fsys.Rename(previous, s.backup()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(cause, fmt.Errorf("putting the older backup back: %w", err))
	}
	return cause
}
