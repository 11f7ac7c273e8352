// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"errors"
	"fmt"
	"os"
)

// input is a file to be published.
type input struct {
	*os.File
	before os.FileInfo
}

func openInput(name string) (*input, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("reading the file to publish: %w", err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%w: %q is a directory", ErrInput, name)
	}
	// Opening a named pipe would wait for its other end.
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %q is not a regular file", ErrInput, name)
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%w: %q is empty", ErrInput, name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the file to publish: %w", err)
	}
	in := &input{File: f}
	if in.before, err = f.Stat(); err != nil {
		return nil, errors.Join(fmt.Errorf("reading the file to publish: %w", err), f.Close())
	}

	return in, nil
}

func (in *input) unchanged(read int64) error {
	after, err := in.Stat()
	if err != nil {
		return fmt.Errorf("reading the file to publish: %w", err)
	}
	if read != in.before.Size() || after.Size() != in.before.Size() || !after.ModTime().Equal(in.before.ModTime()) {
		return fmt.Errorf("%w: %q changed while it was read", ErrInput, in.Name())
	}

	return nil
}
