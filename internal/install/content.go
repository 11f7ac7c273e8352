// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/choria-io/go-updater/internal/store"
)

// content identifies a file by what is in it.
type content struct {
	Version string
	Hash    string // SHA-256, hex
	Size    int64
	ModTime time.Time // to see without reading it that the file was not replaced
}

// matches reports, without reading it, whether the file still has this content.
func (c content) matches(info fs.FileInfo) bool {
	return c.Hash != "" && c.Size == info.Size() && c.ModTime.Equal(info.ModTime())
}

// hashedFile is a file that was read, and its content then.
type hashedFile struct {
	info fs.FileInfo
	content
}

// contentOfTarget returns the content of f, the target. It reads f, unless the journal
// says what was installed and f was not replaced since, or this session has read it.
func (s *Session) contentOfTarget(f *os.File, info fs.FileInfo) (content, error) {
	if h := s.hashed; h != nil && store.Same(info, h.info) {
		return h.content, nil
	}
	if c := s.journal.New; s.journal.State == installed && c.matches(info) {
		return c, nil
	}
	return s.hashTarget(f, info)
}

// hashTarget is contentOfTarget, but always reads f.
func (s *Session) hashTarget(f *os.File, info fs.FileInfo) (content, error) {
	hash, err := hashOf(f)
	if err != nil {
		return content{}, err
	}
	s.hashed = &hashedFile{info, content{Hash: hash, Size: info.Size(), ModTime: info.ModTime()}}
	return s.hashed.content, nil
}

// targetHolds reports whether the target has the content c. It reads it only if it looks
// different, as a file system may round times.
func (s *Session) targetHolds(c content) bool {
	if c.matches(s.old) || c.Size != s.old.Size() {
		return c.matches(s.old)
	}
	same, err := s.has(s.base, c)
	return same && err == nil
}

// hashOf returns the SHA-256 of f in hex. It reads f from the start, and seeks back to
// it.
func hashOf(f *os.File) (string, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	_, err := f.Seek(0, io.SeekStart)
	return hex.EncodeToString(hash.Sum(nil)), err
}

// has reports whether the file called name has the content. It reads the file.
func (s *Session) has(name string, c content) (bool, error) {
	f, _, err := store.OpenRegular(s.fsys, name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrNotRegular) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	hash, err := hashOf(f)
	return hash == c.Hash, err
}

// Holds reports whether the target is the file with this SHA-256, in hex, and size,
// which may be AnySize. Installing that again would replace the backup by a copy of
// the target.
func (s *Session) Holds(sha256hex string, size int64) bool {
	f, info, err := store.OpenRegular(s.fsys, s.base, os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	if size != AnySize && size != info.Size() {
		return false
	}
	// The file is read in any case, so that one that was damaged in place is replaced.
	c, err := s.hashTarget(f, info)
	return err == nil && c.Hash == sha256hex
}

// Old opens the target, and returns its SHA-256 in hex too. The caller closes the file.
func (s *Session) Old() (*os.File, string, error) {
	f, info, err := store.OpenRegular(s.fsys, s.base, os.O_RDONLY)
	if err != nil {
		return nil, "", err
	}
	c, err := s.contentOfTarget(f, info)
	if err != nil {
		return nil, "", errors.Join(err, f.Close())
	}
	return f, c.Hash, nil
}
