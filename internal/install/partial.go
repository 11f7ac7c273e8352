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

// minPartial is how many bytes of a download are kept for the next update. Fewer are
// downloaded again faster.
const minPartial = 64 << 10

// partialPrefix starts the name of a partial download. The hash of the whole download
// follows, so that it is not continued with another one.
const partialPrefix = "partial-"

// Partial is a file in the work directory for a download that may take several
// sessions. Its content is not verified: the caller must hash all of it. It is private
// (0600), and not safe for concurrent use.
type Partial struct {
	*os.File
	s    *Session
	name string
}

// Partial opens or creates the file for a download with this SHA-256, in hex, with the
// part that an earlier session downloaded.
func (s *Session) Partial(sha256hex string) (*Partial, error) {
	if s.closed {
		return nil, errClosed
	}
	base := partialPrefix + strings.ToLower(sha256hex)
	if !isPartial(base) {
		return nil, fmt.Errorf("opening partial download: %q is not a hash", sha256hex)
	}
	p := &Partial{s: s, name: s.workPath(base)}
	if err := p.open(); err != nil {
		return nil, fmt.Errorf("opening partial download: %w", err)
	}
	return p, nil
}

// open opens an existing file only if it is a regular file of the target's owner with
// one name. Otherwise it replaces it.
func (p *Partial) open() error {
	f, info, err := store.OpenRegular(p.s.fsys, p.name, os.O_RDWR)
	if err == nil {
		n, err := links(f)
		uid, _ := store.Owner(info)
		if err == nil && n == 1 && uid == p.s.Owner() {
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

// End closes the file. It removes it unless keep is set and it has at least 64 KiB.
func (p *Partial) End(keep bool) error {
	info, err := p.Stat()
	keep = keep && err == nil && info.Size() >= minPartial
	err = p.Close()
	if !keep {
		if removeErr := p.s.fsys.Remove(p.name); removeErr != nil {
			p.s.notRemoved = append(p.s.notRemoved, p.name) // Close tries again
			err = errors.Join(err, removeErr)
		}
	}
	if err != nil {
		return fmt.Errorf("closing partial download: %w", err)
	}
	return nil
}

// DropPartials removes all partial downloads, except those with one of these SHA-256, in
// hex. Only the caller knows which are still needed.
func (s *Session) DropPartials(but ...string) error {
	names, err := s.fsys.Names(s.work)
	if err != nil {
		return fmt.Errorf("removing other partial downloads: %w", err)
	}
	var failed error
	for _, name := range names {
		if isPartial(name) && !slices.Contains(but, strings.TrimPrefix(name, partialPrefix)) {
			failed = errors.Join(failed, s.fsys.Remove(s.workPath(name)))
		}
	}
	if failed != nil {
		return fmt.Errorf("removing other partial downloads: %w", failed)
	}
	return nil
}

func isPartial(name string) bool {
	hash, ok := strings.CutPrefix(name, partialPrefix)
	return ok && len(hash) == 64 && strings.Trim(hash, "0123456789abcdef") == ""
}
