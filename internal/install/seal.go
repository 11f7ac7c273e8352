// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/choria-io/go-updater/internal/store"
)

// AnySize is the size for Seal if it is not known.
const AnySize = -1

// Staged is a verified file in the work directory. It is kept open, so that it can be
// distinguished from a file that replaced it.
type Staged struct {
	name string
	file *os.File
	info fs.FileInfo
	hash string
}

func (st *Staged) close() {
	if st.file != nil {
		_ = st.file.Close()
		st.file = nil
	}
}

// Try makes the file executable for its owner, and calls run with its path: a program
// can show that it works before it is installed.
func (s *Session) Try(st *Staged, run func(path string) error) error {
	if s.closed || st == nil || st.file == nil {
		return errClosed
	}
	mode := fs.FileMode(0o700)
	if s.foreign() {
		// It stays root's, so that the owner of the target can start it and not change it.
		mode = 0o755
	}
	if err := s.setMode(st.file, mode); err != nil {
		return fmt.Errorf("making the staged file executable: %w", err)
	}
	if s.renameAside {
		// Windows: a file that is open for writing cannot be run.
		st.close()
	}
	err := run(filepath.Join(s.dir, st.name))
	if s.renameAside {
		err = errors.Join(err, s.reopen(st))
	}
	return err
}

// foreign reports whether root updates the program of another user, who can exchange
// files in the work directory.
func (s *Session) foreign() bool { return s.access.Runner == 0 && s.access.Owner.UID != 0 }

// checkSealed returns ErrChanged if the file was changed since it was sealed. Its owner
// can set its time, so a file of another user's is read again.
func (s *Session) checkSealed(st *Staged, sealed fs.FileInfo) error {
	same := store.SameContent(st.info, sealed)
	if same && s.foreign() {
		hash, err := hashOf(st.file)
		if err != nil {
			return fmt.Errorf("reading the staged file: %w", err)
		}
		same = hash == st.hash
	}
	if !same {
		return fmt.Errorf("staged file: %w", ErrChanged)
	}
	return nil
}

func (s *Session) reopen(st *Staged) error {
	f, info, err := store.OpenRegular(s.fsys, st.name, sealFlag)
	if err != nil {
		return err
	}
	st.file = f
	if !store.SameContent(info, st.info) {
		return fmt.Errorf("staged file: %w", ErrChanged)
	}
	return nil
}

// Seal verifies and syncs the file that the caller created at a StagePath. It returns
// ErrHash unless the file has this SHA-256, in hex, and size, which may be AnySize.
// The file cannot be executed yet.
func (s *Session) Seal(path, sha256hex string, size int64) (*Staged, error) {
	if s.closed {
		return nil, errClosed
	}
	name, err := s.stageName(path)
	if err != nil {
		return nil, err
	}
	st := &Staged{name: name}
	if err := s.seal(st, sha256hex, size); err != nil {
		st.close()
		return nil, fmt.Errorf("verifying staged file: %w", err)
	}
	s.staged = append(s.staged, st)
	return st, nil
}

// openStaged opens what the caller created. Its umask may have made it unreadable.
func (s *Session) openStaged(name string) (*os.File, fs.FileInfo, error) {
	f, info, err := store.OpenRegular(s.fsys, name, sealFlag)
	if !errors.Is(err, fs.ErrPermission) {
		return f, info, err
	}
	found, statErr := s.fsys.Lstat(name)
	if err := errors.Join(statErr, s.fsys.Narrow(name, found)); err != nil {
		return nil, nil, err
	}
	return store.OpenRegular(s.fsys, name, sealFlag)
}

func (s *Session) seal(st *Staged, sha256hex string, size int64) (err error) {
	if st.file, st.info, err = s.openStaged(st.name); err != nil {
		return err
	}
	if n, err := links(st.file); err != nil || n != 1 {
		return fmt.Errorf("staged file has %d names: %w", n, cmp.Or(err, ErrChanged))
	}
	if err := s.setMode(st.file, 0o600); err != nil {
		return err
	}
	if size != AnySize && st.info.Size() != size {
		return fmt.Errorf("%w: %d bytes instead of %d", ErrHash, st.info.Size(), size)
	}
	// It is hashed while it is synced: hashing needs the CPU only.
	var hashErr error
	hashed := make(chan struct{})
	go func() {
		defer close(hashed)
		st.hash, hashErr = hashOf(st.file)
	}()
	err = s.fsys.Sync(st.file)
	<-hashed
	if err != nil {
		return fmt.Errorf("syncing: %w", err)
	}
	if hashErr != nil {
		return hashErr
	}
	if st.info, err = st.file.Stat(); err != nil {
		return err
	}
	if st.hash != strings.ToLower(sha256hex) {
		return fmt.Errorf("%w: SHA-256 %s instead of %q", ErrHash, st.hash, sha256hex)
	}
	return nil
}
