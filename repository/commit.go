// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"syscall"
)

// commit renames artifacts, then documents into place. Until the first document is
// there, clients see no change and ctx can stop it. After an error everything is as
// before.
func (t *transaction) commit(ctx context.Context, artifacts, documents []*rename) error {
	err := t.place(ctx, artifacts, documents)
	if err == nil {
		return nil
	}
	if uerr := t.undo(); uerr != nil {
		err = fmt.Errorf("%w; undoing the change: %w", err, uerr)
	}

	return err
}

func (t *transaction) place(ctx context.Context, artifacts, documents []*rename) error {
	var dirs []string
	for _, m := range slices.Concat(artifacts, documents) {
		if err := t.mkdir(path.Dir(m.to)); err != nil {
			return err
		}
		for d := path.Dir(m.to); !slices.Contains(dirs, d); d = path.Dir(d) {
			dirs = append(dirs, d)
		}
	}
	for _, m := range artifacts {
		// Undo does not remove a file that existed before. A network file system
		// can complete a rename and report an error, so this is noted first.
		if _, err := t.repo.root.Lstat(m.to); errors.Is(err, fs.ErrNotExist) {
			t.placed = append(t.placed, m.to)
		}
		if err := t.rename(m); err != nil {
			return err
		}
	}
	if err := t.sync(dirs); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, m := range documents {
		t.switched = append(t.switched, m)
		if err := t.rename(m); err != nil {
			return err
		}
	}

	return t.sync(dirs)
}

func (t *transaction) rename(m *rename) error {
	return t.do("rename", m.to, func() error { return t.repo.root.Rename(m.from, m.to) })
}

func (t *transaction) mkdir(dir string) error {
	if dir == "." {
		return nil
	}
	if err := t.mkdir(path.Dir(dir)); err != nil {
		return err
	}
	// A rename into anything but a directory fails.
	if _, err := t.repo.root.Stat(dir); err == nil {
		return nil
	}
	err := t.do("mkdir", dir, func() error { return t.repo.root.Mkdir(dir, 0o755) })
	if err == nil {
		t.made = append(t.made, dir)
	}

	return err
}

// sync makes renames durable. Without it, a power cut may keep a document and lose
// an artifact that was renamed before it.
func (t *transaction) sync(dirs []string) error {
	for _, d := range dirs {
		if err := t.do("syncdir", d, func() error { return t.syncDir(d) }); err != nil {
			return err
		}
	}

	return nil
}

func (t *transaction) syncDir(dir string) error {
	// Windows cannot sync a directory; the journal of NTFS orders renames.
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := t.repo.root.Open(dir)
	if err != nil {
		return err
	}
	err = t.repo.flush(f)
	// EINVAL: this file system cannot either.
	if errors.Is(err, syscall.EINVAL) {
		err = nil
	}

	return errors.Join(err, f.Close())
}

// undo goes backwards: the old documents are back before the artifacts of the new
// ones are removed.
func (t *transaction) undo() error {
	root := t.repo.root
	var errs []error
	remove := func(name string) {
		if err := root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	for _, m := range slices.Backward(t.switched) {
		if m.replaces != "" {
			errs = append(errs, root.Rename(m.replaces, m.to))
		} else {
			remove(m.to)
		}
	}
	for _, p := range slices.Backward(t.placed) {
		remove(p)
	}
	for _, d := range slices.Backward(t.made) {
		// It fails, rightly, if another process has put a file there.
		_ = root.Remove(d)
	}

	return errors.Join(errs...)
}
