// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
)

// Store keeps files by name. Names are those of the package doc.
type Store interface {
	// Read returns a file of at most limit bytes, and may return limit+1 of a
	// longer one. One that is not there is an fs.ErrNotExist; any other error
	// ends the call that asked.
	Read(name string, limit int64) ([]byte, error)

	// Write stores a file, which then holds what it held or all of data,
	// whatever stops the machine.
	Write(name string, data []byte) error
}

// Dir is a Store in a directory, which must be there.
type Dir struct {
	Path      string
	ReadFile  func(path string, limit int64) ([]byte, error)
	WriteFile func(path string, data []byte) error
}

// Read implements Store
func (d Dir) Read(name string, limit int64) ([]byte, error) {
	return d.ReadFile(filepath.Join(d.Path, name), limit)
}

// Write implements Store
func (d Dir) Write(name string, data []byte) error {
	return d.WriteFile(filepath.Join(d.Path, name), data)
}

// Memory is a Store that ends with the process. The zero value is empty. It is safe
// for concurrent use.
type Memory struct {
	mu    sync.Mutex
	files map[string][]byte
}

// Read implements Store
func (m *Memory) Read(name string, _ int64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(data), nil
}

// Write implements Store
func (m *Memory) Write(name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files == nil {
		m.files = map[string][]byte{}
	}
	m.files[name] = slices.Clone(data)
	return nil
}

// read returns nil for a file that is not there or too long. gone tells the two
// apart.
func (r *run) read(name string, limit int64) (data []byte, gone bool, err error) {
	data, err = r.Store.Read(name, limit)
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

func (r *run) write(name string, data []byte) error {
	if err := r.Store.Write(name, data); err != nil {
		return fmt.Errorf("%w: writing %s: %w", ErrState, name, err)
	}
	return nil
}

func rootFile(version int64) string { return fmt.Sprintf("%d.root.json", version) }

// roleFile: a delegated role may be called anything, at any length, and file
// systems fold cases and reserve names, so its file is named after a hash.
func roleFile(role string) string {
	if slices.Contains(topLevel, role) {
		return role + ".json"
	}
	sum := sha256.Sum256([]byte(role))
	return "role-" + hex.EncodeToString(sum[:]) + ".json"
}
