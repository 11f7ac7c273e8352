// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/tuf"
)

const floorsFile = "floors"

// seenStep is how far the time in the floors has to move before it is written
// although nothing else changed.
const seenStep = time.Hour

// ErrState means that what is remembered cannot be read or written, or that more of
// it is damaged than can be repaired. The error names the file.
var ErrState = errors.New("cannot use what is remembered of the repository's metadata")

// errRetry means that another process changed the floors after they were read.
var errRetry = errors.New("another process changed the floors")

// Store keeps files by the names of the package doc. Its methods are called
// concurrently.
type Store interface {
	// Read returns a file, or fs.ErrNotExist if it does not exist. Of a file longer
	// than limit bytes it returns the first limit+1. Any other error fails the
	// caller.
	Read(name string, limit int64) ([]byte, error)

	// Update calls change, which may call Read, while no other process is in Update of
	// the same store, and stores the files that it returns, in their order. Each
	// then holds what it held before or all of its data, whatever stops the
	// machine. It returns an error of change as it is, and stores nothing then. It
	// waits for other processes until ctx is done.
	Update(ctx context.Context, change func() ([]store.File, error)) error
}

// Memory is a Store that ends with the process. The zero value is empty. It is safe
// for concurrent use.
type Memory struct {
	updating sync.Mutex // held by Update
	mu       sync.Mutex // of files
	files    map[string][]byte
}

// Read implements Store
func (m *Memory) Read(name string, limit int64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(data[:min(int64(len(data)), limit+1)]), nil
}

// Update implements Store
func (m *Memory) Update(_ context.Context, change func() ([]store.File, error)) error {
	m.updating.Lock()
	defer m.updating.Unlock()
	files, err := change()
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files == nil {
		m.files = map[string][]byte{}
	}
	for _, f := range files {
		m.files[f.Name] = slices.Clone(f.Data)
	}
	return nil
}

// memory is what one run read from the store, and what it is going to write.
type memory struct {
	store   Store
	floors  *tuf.Floors  // raised as metadata is accepted; nil before open
	lost    bool         // the stored floors are gone or damaged, and nothing makes up for them yet
	before  storedFloors // as they were read
	written string       // [tuf.Floors.Versions] of the floors that need not be written
	pending []store.File
}

// storedFloors are the floors in the store.
type storedFloors struct {
	*tuf.Floors        // nil if there are none, or damaged ones
	id          string // equal for floors that differ in the time only
	damage      error
}

// read returns nil for a file that does not exist, with gone set, or is too long.
func (m *memory) read(name string, limit int64) (data []byte, gone bool, err error) {
	data, err = m.store.Read(name, limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, true, nil
	case err != nil:
		return nil, false, fmt.Errorf("%w: reading %s: %w", ErrState, name, err)
	case int64(len(data)) > limit:
		return nil, false, nil
	}
	return data, false, nil
}

func (m *memory) readFloors() (f storedFloors, err error) {
	raw, gone, err := m.read(floorsFile, tuf.MaxFloors)
	if err != nil || gone {
		return f, err
	}
	floors, err := tuf.ParseFloors(raw)
	if err != nil {
		return storedFloors{id: "damaged: " + string(raw), damage: err}, nil
	}
	return storedFloors{Floors: floors, id: floors.Versions()}, nil
}

// open reads the floors for a client whose root has the hash anchor.
func (m *memory) open(anchor string) (err error) {
	if m.before, err = m.readFloors(); err != nil {
		return err
	}
	floors := &tuf.Floors{}
	switch {
	case m.before.Floors != nil:
		floors = m.before.Clone()
	case m.before.damage != nil:
		m.lost = true
	default:
		if m.lost, err = m.anyStored(); err != nil {
			return err
		}
	}
	if floors.Anchor != anchor {
		floors.Anchor, floors.Root, floors.Seen = anchor, 0, time.Time{}
	}
	m.floors, m.written = floors, floors.Versions()
	return nil
}

// anyStored reports whether a store without floors has lost them, and is not new.
func (m *memory) anyStored() (bool, error) {
	for _, role := range []string{tuf.Timestamp, tuf.Snapshot, tuf.Targets} {
		if _, gone, err := m.read(tuf.StoredName(role), tuf.MaxTargets); err != nil || !gone {
			return true, err
		}
	}
	return false, nil
}

// write stores a file with the next save.
func (m *memory) write(name string, data []byte) {
	m.pending = append(m.pending, store.File{Name: name, Data: data})
}

// save stores what was accepted, or returns errRetry if the floors in the store are
// not those that were read.
func (m *memory) save(ctx context.Context) error {
	if m.floors == nil {
		return nil
	}
	var seen time.Time
	if m.before.Floors != nil {
		seen = m.before.Seen
	}
	raised := !m.lost && (m.floors.Versions() != m.written || m.floors.Seen.Sub(seen) >= seenStep)
	if !raised && len(m.pending) == 0 {
		return nil
	}
	now := storedFloors{}
	err := m.store.Update(ctx, func() (files []store.File, err error) {
		if now, err = m.readFloors(); err != nil {
			return nil, err
		}
		if now.id != m.before.id {
			return nil, errRetry
		}
		if raised {
			if now.Floors != nil && now.Anchor == m.floors.Anchor && now.Seen.After(m.floors.Seen) {
				m.floors.Seen = now.Seen
			}
			now = storedFloors{Floors: m.floors.Clone(), id: m.floors.Versions()}
			files = append(files, store.File{Name: floorsFile, Data: m.floors.Format()})
		}
		return append(files, m.pending...), nil
	})
	switch {
	case err == nil:
		m.before, m.written, m.pending = now, m.floors.Versions(), nil
		return nil
	case errors.Is(err, errRetry), errors.Is(err, ErrState), ctx.Err() != nil:
		return err
	}
	return fmt.Errorf("%w: writing: %w", ErrState, err)
}
