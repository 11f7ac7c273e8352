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

// spareTarget makes a second name for the target in the work directory, or a
// copy where that cannot be had.
func (s *Session) spareTarget(kind string) (spare, error) {
	f, info, err := openRegular(s.fsys, s.base, os.O_RDONLY)
	if err != nil {
		return spare{}, err
	}
	defer f.Close()
	if !os.SameFile(info, s.old) {
		return spare{}, fmt.Errorf("target: %w", ErrChanged)
	}
	return s.spareOf(f, s.base, kind)
}

// spareOf is spareTarget for the file f, open, which is at name. A file with
// other names is copied: what is written through those must not reach the spare.
func (s *Session) spareOf(f *os.File, name, kind string) (spare, error) {
	info, err := f.Stat()
	if err != nil {
		return spare{}, err
	}
	made := spare{name: s.in(random(kind))}
	if links(info) == 1 && !s.aside && s.fsys.Link(name, made.name) == nil {
		if made.info, err = s.fsys.Lstat(made.name); err != nil {
			return spare{}, err
		}
		if !os.SameFile(made.info, info) {
			return spare{}, fmt.Errorf("%q: %w", name, ErrChanged)
		}
		return made, s.fsys.Sync(f)
	}
	out, err := s.fsys.OpenFile(made.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return spare{}, err
	}
	defer out.Close()
	n, err := s.fsys.Copy(out, f)
	if err != nil {
		return spare{}, err
	}
	if n != info.Size() {
		return spare{}, fmt.Errorf("%q: %w", name, ErrChanged)
	}
	made.info, err = s.dress(out)
	return made, err
}

// swap renames name, which is the file of info, over the target. If that cannot
// be made to last, or was made with another file, keep is put at the target.
func (s *Session) swap(name string, info fs.FileInfo, keep spare) error {
	at, err := s.fsys.Lstat(name)
	if err != nil {
		return err
	}
	if !same(at, info) {
		return fmt.Errorf("staged file: %w", ErrChanged)
	}
	if err := s.replace(name); err != nil {
		return fmt.Errorf("putting the new file in place: %w", err)
	}
	err = syncDir(s.fsys, ".")
	// Whoever exchanged the staged file after the look at it has put another
	// file at the target.
	if at, statErr := s.fsys.Lstat(s.base); statErr != nil || !same(at, info) {
		err = errors.Join(err, statErr, fmt.Errorf("new file: %w", ErrChanged))
	}
	if err == nil {
		return nil
	}
	if failed := s.restore(keep); failed != nil {
		s.broken = true
		return &RollbackFailure{Cause: err, Err: failed}
	}
	return err
}

func (s *Session) restore(keep spare) error {
	at, err := s.fsys.Lstat(keep.name)
	if err != nil {
		return err
	}
	if !os.SameFile(at, keep.info) {
		return fmt.Errorf("%q: %w", keep.name, ErrChanged)
	}
	if err := s.replace(keep.name); err != nil {
		return err
	}
	return syncDir(s.fsys, ".")
}

// replace renames name over the target. Where a running program can only be
// renamed, it is put aside first, and back if that was in vain.
func (s *Session) replace(name string) error {
	if !s.aside {
		return s.fsys.Rename(name, s.base)
	}
	aside := s.in(random("aside"))
	if err := s.fsys.Rename(s.base, aside); err != nil {
		return err
	}
	err := s.fsys.Rename(name, s.base)
	if err == nil {
		return nil
	}
	if failed := s.fsys.Rename(aside, s.base); failed != nil {
		s.broken = true
		return &RollbackFailure{Cause: err, Err: fmt.Errorf("old file is at %q: %w", aside, failed)}
	}
	return err
}
