// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"errors"
	"fmt"
	"os"
)

// input is a file to publish.
type input struct {
	*os.File
	before os.FileInfo
}

func openInput(name string) (*input, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("reading the file to publish: %w", err)
	}
	switch {
	case info.IsDir():
		return nil, badInput("%q is a directory", name)
	case !info.Mode().IsRegular(): // opening a named pipe would block
		return nil, badInput("%q is not a regular file", name)
	case info.Size() == 0:
		return nil, badInput("%q is empty", name)
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

// unchanged returns an error if the file is not as it was when it was opened.
func (in *input) unchanged(read int64) error {
	after, err := in.Stat()
	if err != nil {
		return fmt.Errorf("reading the file to publish: %w", err)
	}
	if read != in.before.Size() || !after.ModTime().Equal(in.before.ModTime()) {
		return badInput("%q changed while it was read", in.Name())
	}

	return nil
}
