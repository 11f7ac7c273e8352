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

// AnySize is the size to give to Seal when it is not known.
const AnySize = -1

// Staged is a file in the work directory that was found to be the promised one.
// It is held open, so that it cannot be mistaken for another.
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

// Try makes the file one that its owner can run, and calls run with its path:
// what is to be installed can show that it works before it is.
func (s *Session) Try(st *Staged, run func(path string) error) error {
	if s.closed || st == nil || st.file == nil {
		return errClosed
	}
	if err := s.fsys.Chmod(st.file, 0o700); err != nil {
		return fmt.Errorf("making the staged file executable: %w", err)
	}
	if s.aside {
		// Windows: a file that is open for writing cannot be run.
		st.close()
	}
	err := run(filepath.Join(s.dir, st.name))
	if s.aside {
		err = errors.Join(err, s.reopen(st))
	}
	return err
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

// Seal takes the file that was made at a StagePath. What lies in it must have the
// SHA-256 hash sha256hex and size bytes; nobody can execute it yet.
func (s *Session) Seal(path, sha256hex string, size int64) (*Staged, error) {
	if s.closed {
		return nil, errClosed
	}
	base := filepath.Base(path)
	if kindOf(base) != "stage" || filepath.Clean(path) != filepath.Join(s.WorkDir(), base) {
		return nil, fmt.Errorf("staged file %q is not at a stage path of this update", path)
	}
	st := &Staged{name: s.in(base)}
	if err := s.seal(st, sha256hex, size); err != nil {
		st.close()
		return nil, fmt.Errorf("checking staged file: %w", err)
	}
	s.staged = append(s.staged, st)
	return st, nil
}

func (s *Session) seal(st *Staged, sha256hex string, size int64) (err error) {
	if st.file, st.info, err = store.OpenRegular(s.fsys, st.name, sealFlag); err != nil {
		return err
	}
	if n, err := links(st.file); err != nil || n != 1 {
		return fmt.Errorf("staged file has %d names: %w", n, cmp.Or(err, ErrChanged))
	}
	if err := s.fsys.Chmod(st.file, 0o600); err != nil {
		return err
	}
	if size != AnySize && st.info.Size() != size {
		return fmt.Errorf("%w: %d bytes instead of %d", ErrHash, st.info.Size(), size)
	}
	// Hashing waits for nothing, forcing out for the disk: both at once. What is
	// read here is what is being forced out, nobody writes to it any more.
	read := hashing(st.file)
	err = s.fsys.Sync(st.file)
	got := <-read
	if err != nil {
		return fmt.Errorf("forcing out: %w", err)
	}
	if got.err != nil {
		return got.err
	}
	if st.info, err = st.file.Stat(); err != nil {
		return err
	}
	if st.hash = got.hash; st.hash != strings.ToLower(sha256hex) {
		return fmt.Errorf("%w: SHA-256 %s instead of %q", ErrHash, st.hash, sha256hex)
	}
	return nil
}

// measureOld begins to read the target, unless what is in it is known: Commit
// writes that down. What fails here is tried again, and reported, by who needs to
// know.
func (s *Session) measureOld() {
	f, info, err := store.OpenRegular(s.fsys, s.base, os.O_RDONLY)
	if err != nil {
		return
	}
	if s.known(info) != nil {
		_ = f.Close()
		return
	}
	s.measuring = &measuring{f, info, hashing(f)}
}

// measuring is a file while it is read.
type measuring struct {
	file *os.File
	info fs.FileInfo
	read <-chan hashed
}

// endMeasuring waits for what measureOld began.
func (s *Session) endMeasuring() {
	if m := s.measuring; m != nil {
		if got := <-m.read; got.err == nil {
			s.measured = &measured{m.info, content{Hash: got.hash, Size: m.info.Size(), ModTime: m.info.ModTime()}}
		}
		_ = m.file.Close()
		s.measuring = nil
	}
}

// abandonMeasuring does not wait for the end: the next read finds the file closed.
func (s *Session) abandonMeasuring() {
	if m := s.measuring; m != nil {
		_ = m.file.Close()
		<-m.read
		s.measuring = nil
	}
}

// hashed is the SHA-256 of a whole file, in hex.
type hashed struct {
	hash string
	err  error
}

// hashing reads f in a goroutine that ends once it has sent.
func hashing(f *os.File) <-chan hashed {
	c := make(chan hashed, 1)
	go func() {
		hash, err := hashOf(f)
		c <- hashed{hash, err}
	}()
	return c
}
