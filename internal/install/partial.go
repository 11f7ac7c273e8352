// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/choria-io/go-updater/internal/store"
)

// worthKeeping is how many bytes of a download are kept for the next update:
// fewer come again faster than they are read back.
const worthKeeping = 64 << 10

// partialPrefix starts the name of a partial download; the hash that it is to
// have follows, so it is never taken for the beginning of something else.
const partialPrefix = "partial-"

// Partial is a file in the work directory that collects a download, over several
// sessions if it breaks off. Nothing in it is verified: whoever reads it hashes
// it first. It is private (0600).
type Partial struct {
	*os.File
	s    *Session
	name string
}

// Partial opens the file for a download with this SHA-256, with what came of it
// before.
func (s *Session) Partial(sha256hex string) (*Partial, error) {
	if s.closed {
		return nil, errClosed
	}
	base := partialPrefix + strings.ToLower(sha256hex)
	if !isPartial(base) {
		return nil, fmt.Errorf("collecting a download: %q is not a hash", sha256hex)
	}
	p := &Partial{s: s, name: s.in(base)}
	if err := p.open(); err != nil {
		return nil, fmt.Errorf("collecting a download: %w", err)
	}
	return p, nil
}

// open takes what is there only if it is a file with one name, and makes a new
// one otherwise.
func (p *Partial) open() error {
	f, _, err := store.OpenRegular(p.s.fsys, p.name, os.O_RDWR)
	if err == nil {
		n, err := links(f)
		if err == nil && n == 1 {
			p.File = f
			return nil
		}
		_ = f.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		if err := p.s.fsys.Remove(p.name); err != nil {
			return err
		}
	}
	p.File, err = p.s.fsys.OpenFile(p.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return err
}

// End closes the file, and removes it unless it is to be kept and large enough
// for that.
func (p *Partial) End(keep bool) error {
	info, err := p.Stat()
	keep = keep && err == nil && info.Size() >= worthKeeping
	err = p.Close()
	if !keep {
		if removeErr := p.s.fsys.Remove(p.name); removeErr != nil {
			p.s.unwanted = append(p.s.unwanted, p.name) // Close tries again
			err = errors.Join(err, removeErr)
		}
	}
	if err != nil {
		return fmt.Errorf("ending a download: %w", err)
	}
	return nil
}

// DropPartials removes what came of downloads, but for those with one of these
// SHA-256, in hex: nobody else knows when a download is of no more use.
func (s *Session) DropPartials(but ...string) error {
	names, err := s.fsys.Names(s.work)
	if err != nil {
		return fmt.Errorf("removing other downloads: %w", err)
	}
	var failed error
	for _, name := range names {
		if isPartial(name) && !slices.Contains(but, strings.TrimPrefix(name, partialPrefix)) {
			failed = errors.Join(failed, s.fsys.Remove(s.in(name)))
		}
	}
	if failed != nil {
		return fmt.Errorf("removing other downloads: %w", failed)
	}
	return nil
}

func isPartial(name string) bool {
	hash, ok := strings.CutPrefix(name, partialPrefix)
	return ok && len(hash) == 64 && strings.Trim(hash, "0123456789abcdef") == ""
}

// Old opens the target and tells the SHA-256 of what is in it, in hex. The caller
// closes the file.
func (s *Session) Old() (*os.File, string, error) {
	f, info, err := store.OpenRegular(s.fsys, s.base, os.O_RDONLY)
	if err != nil {
		return nil, "", err
	}
	c, err := s.contentOf(f, info)
	if err != nil {
		return nil, "", errors.Join(err, f.Close())
	}
	return f, c.Hash, nil
}
