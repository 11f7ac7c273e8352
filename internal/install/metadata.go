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

// copyMetadata gives a verified file the target's owner, mode and attributes, and syncs
// it. The owner is set first, because a change of owner clears setuid. The result is
// checked, because the kernel drops setgid without an error if we are not in the group.
func (s *Session) copyMetadata(f *os.File) (fs.FileInfo, error) {
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
	if err := s.setMode(f, s.old.Mode()); err != nil {
		return nil, fmt.Errorf("%w: mode %v: %w", ErrOwner, s.old.Mode(), err)
	}
	if err := s.copyAttributes(f); err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if u, g := store.Owner(info); u != uid || g != gid || info.Mode() != s.old.Mode() {
		return nil, fmt.Errorf("%w: user %d, group %d, mode %v became %d, %d, %v", ErrOwner, uid, gid, s.old.Mode(), u, g, info.Mode())
	}
	if err := s.fsys.Sync(f); err != nil {
		return nil, fmt.Errorf("syncing: %w", err)
	}
	return info, nil
}

// setMode sets the mode of a file. On a shared file system with fixed modes all files may
// belong to another user, who alone may try.
func (s *Session) setMode(f *os.File, mode fs.FileMode) error {
	err := s.fsys.Chmod(f, mode)
	if s.shared && errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// copyAttributes gives f the attributes of the target. They may include an ACL, which is
// part of the mode.
func (s *Session) copyAttributes(f *os.File) error {
	src, info, err := store.OpenRegular(s.fsys, s.base, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer src.Close()
	if !store.Same(info, s.old) {
		return fmt.Errorf("target: %w", ErrChanged)
	}
	lost, err := s.fsys.CopyAttributes(f, src)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOwner, err)
	}
	s.lost = append(s.lost, lost...)
	return nil
}
