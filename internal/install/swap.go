// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/choria-io/go-updater/internal/store"
)

// spareTarget makes a second name of the target, or a copy, in the work
// directory, and tells what is in it.
func (s *Session) spareTarget(kind string) (spare, content, error) {
	f, info, err := store.OpenRegular(s.fsys, s.base, os.O_RDONLY)
	if err != nil {
		return spare{}, content{}, err
	}
	defer f.Close()
	// swap looks again, but at the target: by then it may be the old one again,
	// and the backup another file.
	if !store.Same(info, s.old) {
		return spare{}, content{}, fmt.Errorf("target: %w", ErrChanged)
	}
	is, err := s.contentOf(f, info)
	if err != nil {
		return spare{}, content{}, err
	}
	made, err := s.spareOf(f, s.base, kind)
	return made, is, err
}

// spareOf links or copies the open file called name. A file with several names
// is copied: somebody could write to it by another one. So is every file where
// programs are renamed aside: a link to a running program is in use as well, and
// could not be replaced by the next update.
func (s *Session) spareOf(f *os.File, name, kind string) (spare, error) {
	info, err := f.Stat()
	if err != nil {
		return spare{}, err
	}
	n, err := links(f)
	if err != nil {
		return spare{}, err
	}
	if !s.aside && n == 1 {
		// An error is no reason to give up: not every file system has links,
		// and not every kernel permits one to another user's file.
		to := s.in(store.RandomName(kind))
		if err := s.fsys.Link(name, to); err == nil {
			return s.checkLink(f, info, to)
		}
	}
	to := s.in(store.RandomName(kind))
	dst, err := s.fsys.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return spare{}, err
	}
	defer dst.Close()
	copied, err := s.fsys.Copy(dst, f)
	if err != nil {
		return spare{}, err
	}
	if copied != info.Size() {
		return spare{}, fmt.Errorf("copied %d bytes of %d: %w", copied, info.Size(), ErrChanged)
	}
	if info, err = s.dress(dst); err != nil {
		return spare{}, err
	}
	return spare{to, info}, dst.Close()
}

// checkLink makes sure that the link leads to the file that was looked at.
// Nothing says that its content ever was forced out.
func (s *Session) checkLink(f *os.File, info fs.FileInfo, to string) (spare, error) {
	at, err := s.fsys.Lstat(to)
	if err != nil {
		return spare{}, err
	}
	if !store.Same(at, info) {
		return spare{}, fmt.Errorf("linked file: %w", ErrChanged)
	}
	if err := s.fsys.Sync(f); err != nil {
		return spare{}, fmt.Errorf("forcing out: %w", err)
	}
	return spare{to, at}, nil
}

// swap renames stage over the target; where that cannot be done the old file
// goes to keep first. If it does not end with exactly the file want in place and
// forced out, the old file is put back from keep.
func (s *Session) swap(stage string, want fs.FileInfo, keep spare) error {
	if err := errors.Join(s.expect(stage, want), s.expect(s.base, s.old)); err != nil {
		return err
	}
	if s.aside {
		if err := s.moveAside(keep.name); err != nil {
			return s.putBack(keep, fmt.Errorf("moving the old file aside: %w", err))
		}
	}
	err := s.fsys.Rename(stage, s.base)
	if err == nil {
		// Between the look and the rename somebody had a moment.
		err = s.expect(s.base, want)
	}
	if err == nil {
		err = store.SyncDir(s.fsys, ".")
	}
	if err != nil {
		return s.putBack(keep, fmt.Errorf("replacing the file: %w", err))
	}
	return nil
}

// moveAside takes the target's name from a file that may be running.
func (s *Session) moveAside(to string) error {
	if err := s.fsys.Rename(s.base, to); err != nil {
		return err
	}
	s.moved = append(s.moved, to)
	return nil
}

func (s *Session) expect(name string, want fs.FileInfo) error {
	info, err := s.fsys.Lstat(name)
	if err != nil {
		return err
	}
	if !store.Same(info, want) {
		return fmt.Errorf("%q: %w", name, ErrChanged)
	}
	return nil
}

// putBack makes the target the old file again. It asks the disk, not the cause,
// what has happened: a rename over a network can succeed and report an error.
func (s *Session) putBack(keep spare, cause error) error {
	at, err := s.fsys.Lstat(s.base)
	if err == nil && os.SameFile(at, s.old) {
		return cause
	}
	present := err == nil
	err = s.expect(keep.name, keep.info)
	if err == nil && s.aside && present {
		// It may be running already, and cannot be renamed over then.
		err = s.moveAside(s.in(store.RandomName("aside")))
	}
	if err == nil {
		err = s.fsys.Rename(keep.name, s.base)
	}
	if err != nil {
		s.broken = true
		// Under a name that the next update does not take for a leftover.
		if saved := s.in(store.RandomName("saved")); keep.name != s.backup() && s.fsys.Rename(keep.name, saved) == nil {
			keep.name = saved
		}
		return &RollbackFailure{Cause: cause, Err: fmt.Errorf("it is at %q: %w", keep.name, err)}
	}
	// If this fails too a power cut decides between old and new; both are whole.
	if err := store.SyncDir(s.fsys, "."); err != nil {
		return errors.Join(cause, err)
	}
	return cause
}
