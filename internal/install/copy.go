// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/choria-io/go-updater/internal/store"
)

// namedFile is a file and the name that leads to it.
type namedFile struct {
	name string
	info fs.FileInfo
}

// linkOrCopyTarget links or copies the target to a new name in the work directory. It
// returns the content of the target too.
func (s *Session) linkOrCopyTarget(kind string) (namedFile, content, error) {
	f, info, err := store.OpenRegular(s.fsys, s.base, os.O_RDONLY)
	if err != nil {
		return namedFile{}, content{}, err
	}
	defer f.Close()
	// swap compares the target again. By then it may be the old file again, and this
	// another one.
	if !store.Same(info, s.old) {
		return namedFile{}, content{}, fmt.Errorf("target: %w", ErrChanged)
	}
	c, err := s.contentOfTarget(f, info)
	if err != nil {
		return namedFile{}, content{}, err
	}
	saved, err := s.linkOrCopy(f, s.base, kind)
	return saved, c, err
}

// linkOrCopy links or copies the open file called name to a new name in the work
// directory. A file with several names is copied, because it could be written to by
// another name. With renameAside every file is copied: a link to a running program is
// in use too, and the next update could not replace it.
func (s *Session) linkOrCopy(f *os.File, name, kind string) (namedFile, error) {
	info, err := f.Stat()
	if err != nil {
		return namedFile{}, err
	}
	n, err := links(f)
	if err != nil {
		return namedFile{}, err
	}
	if !s.renameAside && n == 1 {
		// After an error it is copied: not every file system has links, and not every
		// kernel permits a link to another user's file.
		to := s.workPath(store.RandomName(kind))
		if err := s.fsys.Link(name, to); err == nil {
			return s.syncLink(f, info, to)
		}
	}
	to := s.workPath(store.RandomName(kind))
	dst, err := s.fsys.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return namedFile{}, err
	}
	defer dst.Close()
	copied, err := s.fsys.Copy(dst, f)
	if err != nil {
		return namedFile{}, err
	}
	if copied != info.Size() {
		return namedFile{}, fmt.Errorf("copied %d bytes of %d: %w", copied, info.Size(), ErrChanged)
	}
	if info, err = s.copyMetadata(dst); err != nil {
		return namedFile{}, err
	}
	return namedFile{to, info}, dst.Close()
}

// syncLink checks that the link leads to the open file f, and syncs f, which may never
// have been synced.
func (s *Session) syncLink(f *os.File, info fs.FileInfo, to string) (namedFile, error) {
	at, err := s.fsys.Lstat(to)
	if err != nil {
		return namedFile{}, err
	}
	if !store.Same(at, info) {
		return namedFile{}, fmt.Errorf("linked file: %w", ErrChanged)
	}
	if err := s.fsys.Sync(f); err != nil {
		return namedFile{}, fmt.Errorf("syncing: %w", err)
	}
	return namedFile{to, at}, nil
}

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
	if err := s.fsys.Chmod(f, s.old.Mode()); err != nil {
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
