// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"io/fs"
	"slices"
	"sync"
)

// Volatile has the methods of [Dir], and keeps files in memory. The zero value is
// empty. It is safe for concurrent use.
type Volatile struct {
	update, files sync.Mutex
	held          map[string][]byte
}

// Read returns what [Dir.Read] would.
func (v *Volatile) Read(name string, limit int64) ([]byte, error) {
	v.files.Lock()
	defer v.files.Unlock()
	data, ok := v.held[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(data[:min(int64(len(data)), limit+1)]), nil
}

// Update calls change while no other caller is in Update, and keeps the files that
// it returns.
func (v *Volatile) Update(_ context.Context, change func() ([]File, error)) error {
	v.update.Lock()
	defer v.update.Unlock()
	files, err := change()
	if err != nil {
		return err
	}
	v.files.Lock()
	defer v.files.Unlock()
	for _, f := range files {
		if v.held == nil {
			v.held = map[string][]byte{}
		}
		v.held[f.Name] = slices.Clone(f.Data)
	}
	return nil
}
