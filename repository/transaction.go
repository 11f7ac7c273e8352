// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// workPrefix begins the names of what we put into the root beside versions. A
// version cannot begin so.
const workPrefix = ".update-repo-"

// transaction is one change to a repository: files are written into a private
// directory of the same file system and renamed into place by commit.
type transaction struct {
	repo     *Repository
	unlock   func()
	work     string
	made     []string  // directories, in the order they were made
	placed   []string  // artifacts that no document named before
	switched []*rename // documents
}

// rename is a file to be put into place.
type rename struct {
	from, to string
	replaces string // a copy of the document that was there before
}

func (r *Repository) begin(ctx context.Context) (*transaction, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return nil, fmt.Errorf("locking repository: %w", err)
	}
	t := &transaction{repo: r, unlock: unlock}
	if err := t.removeLeftovers(); err != nil {
		unlock()
		return nil, err
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	t.work = workPrefix + hex.EncodeToString(random[:])
	// Nobody has business in here before the files are in place.
	if err := t.do("mkdir", t.work, func() error { return r.root.Mkdir(t.work, 0o700) }); err != nil {
		unlock()
		return nil, err
	}

	return t, nil
}

// removeLeftovers removes what a killed publish left. Holding the lock, we know
// that nobody is using it.
func (t *transaction) removeLeftovers() error {
	entries, err := t.repo.readDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), workPrefix) {
			continue
		}
		if err := t.do("remove", e.Name(), func() error { return t.repo.root.RemoveAll(e.Name()) }); err != nil {
			return err
		}
	}

	return nil
}

func (t *transaction) do(operation, name string, f func() error) error {
	if err := t.repo.step(operation, name); err != nil {
		return err
	}

	return f()
}

// create makes a file in the private directory. Its mode is what it will be
// served with, and a umask may take from it.
func (t *transaction) create(name string) (f *os.File, err error) {
	err = t.do("create", name, func() error {
		f, err = t.repo.root.OpenFile(path.Join(t.work, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		return err
	})

	return f, err
}

// finish brings a file to the disk: a rename must never be there before the
// bytes it stands for.
func (t *transaction) finish(f *os.File) error {
	return errors.Join(t.do("sync", f.Name(), func() error { return t.repo.flush(f) }), f.Close())
}

func (t *transaction) write(name string, content []byte) (string, error) {
	f, err := t.create(name)
	if err != nil {
		return "", err
	}
	if _, err := f.Write(content); err != nil {
		return "", errors.Join(err, f.Close())
	}

	return path.Join(t.work, name), t.finish(f)
}

// commit puts artifacts, then documents into place. Until the first document
// is there, no client sees a difference, and ctx can stop it; after an error
// everything is as it was before.
func (t *transaction) commit(ctx context.Context, artifacts, documents []*rename) (err error) {
	defer func() {
		if err == nil {
			return
		}
		if uerr := t.undo(); uerr != nil {
			err = fmt.Errorf("%w; undoing the change: %w", err, uerr)
		}
	}()

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
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := t.repo.root.Lstat(m.to)
		fresh := errors.Is(err, fs.ErrNotExist)
		// What was there before us is not ours to remove. Noted before it is
		// done: over a network a rename can succeed and report an error.
		if fresh {
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
	if err := t.sync(dirs); err != nil {
		return err
	}
	return nil
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
	if info, err := t.repo.root.Stat(dir); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
		return nil
	}
	err := t.do("mkdir", dir, func() error { return t.repo.root.Mkdir(dir, 0o755) })
	if err == nil {
		t.made = append(t.made, dir)
	}

	return err
}

// sync makes renames last. Without it a power cut may keep the document and
// lose the artifact that was renamed before it.
func (t *transaction) sync(dirs []string) error {
	for _, d := range dirs {
		if err := t.do("syncdir", d, func() error { return t.syncDir(d) }); err != nil {
			return err
		}
	}

	return nil
}

func (t *transaction) syncDir(dir string) error {
	// Windows has no such call; NTFS orders renames in its journal.
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := t.repo.root.Open(dir)
	if err != nil {
		return err
	}
	err = t.repo.flush(f)
	// EINVAL says that this file system has no such call either.
	if errors.Is(err, syscall.EINVAL) {
		err = nil
	}

	return errors.Join(err, f.Close())
}

// undo goes backwards: clients get the old documents before the artifacts of
// the new ones go.
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
		// Another's file may have come into it; then it stays.
		_ = root.Remove(d)
	}

	return errors.Join(errs...)
}

// close removes the private directory. It is safe to call after commit failed
// or was never called.
func (t *transaction) close() error {
	defer t.unlock()
	if err := t.repo.root.RemoveAll(t.work); err != nil {
		return fmt.Errorf("removing %s: %w", t.work, err)
	}

	return nil
}

// remove deletes artifacts that no document names any longer. What cannot be
// deleted does no harm and is returned as warnings.
func (t *transaction) remove(files []string) (warnings []string) {
	for _, p := range files {
		err := t.do("remove", p, func() error { return t.repo.root.Remove(p) })
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			warnings = append(warnings, fmt.Sprintf("%s is no longer needed but could not be removed: %v", p, err))
		}
	}

	return warnings
}
