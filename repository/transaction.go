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
	"slices"
)

// workPrefix starts the names of our private files in the root. A version cannot
// start with it.
const workPrefix = ".update-repo-"

// transaction is one change of a repository: files are written to a private
// directory of the same file system, and commit renames them into place.
type transaction struct {
	repo     *Repository
	unlock   func()
	work     string                  // the private directory
	made     []string                // directories, in the order they were made
	placed   []string                // artifacts that did not exist before
	switched []*rename               // documents
	named    map[Location]references // before the change
	trusted  []byte                  // see TUF.TrustedRoot

	// interrupted: another transaction was killed before this one.
	interrupted bool
	warnings    []string
}

// rename is a file to rename into place.
type rename struct {
	from, to string
	replaces string // a copy of the document that it replaces, for undo
}

// transact runs f in a transaction. What could not be removed after success is a
// warning in the first element of the result.
func (r *Repository) transact(ctx context.Context, trusted []byte, f func(*transaction) ([]Published, error)) ([]Published, error) {
	t, err := r.begin(ctx, trusted)
	if err != nil {
		return nil, err
	}
	out, err := f(t)
	t.close()
	if err == nil {
		out[0].Warnings = append(out[0].Warnings, t.warnings...)
	}

	return out, err
}

func (r *Repository) begin(ctx context.Context, trusted []byte) (*transaction, error) {
	// If another transaction ends meanwhile, it was not killed: to clean up then, too,
	// does no harm.
	interrupted, err := r.interrupted()
	if err != nil {
		return nil, err
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return nil, fmt.Errorf("locking repository: %w", err)
	}
	t := &transaction{repo: r, unlock: unlock, named: map[Location]references{}, trusted: trusted, interrupted: interrupted}
	if err := t.start(ctx); err != nil {
		t.close()
		return nil, err
	}

	return t, nil
}

// start makes the private directory, and cleans up after transactions that were
// killed. Their private directories go last: as long as there is one, the next
// transaction cleans up. We hold the lock, so no other process uses them. The lock file
// stays: if it were removed, another process could take the lock of a new one.
func (t *transaction) start(ctx context.Context) error {
	left, err := t.repo.leftovers()
	if err != nil {
		return err
	}
	left = slices.DeleteFunc(left, func(e fs.DirEntry) bool { return !e.IsDir() })
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	work := workPrefix + hex.EncodeToString(random[:])
	// Private, because a web server may be serving this directory.
	if err := t.do("mkdir", work, func() error { return t.repo.root.Mkdir(work, 0o700) }); err != nil {
		return err
	}
	t.work = work
	if t.interrupted = t.interrupted || len(left) > 0; t.interrupted {
		if err := t.removeUnused(ctx); err != nil {
			return fmt.Errorf("removing what a killed command left: %w", err)
		}
	}
	for _, e := range left {
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

// create makes a file in the private directory. It keeps its mode, which the umask
// may restrict, when it is renamed into place.
func (t *transaction) create(name string) (f *os.File, err error) {
	err = t.do("create", name, func() error {
		f, err = t.repo.root.OpenFile(path.Join(t.work, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		return err
	})

	return f, err
}

// finish syncs and closes a file. Without it a rename could survive a power cut
// that the content of the file does not.
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

// prepare writes a document to rename into place, and copies the one that is
// there now, for undo.
func (t *transaction) prepare(work, to string, document []byte) (*rename, error) {
	from, err := t.write(work+".json", document)
	if err != nil {
		return nil, err
	}
	m := &rename{from: from, to: to}
	f, err := t.repo.openRegular(m.to)
	if errors.Is(err, ErrMissing) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	name := work + ".previous"
	previous, err := t.create(name)
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteTo(previous); err != nil {
		return nil, errors.Join(err, previous.Close())
	}
	m.replaces = path.Join(t.work, name)

	return m, t.finish(previous)
}

// close removes the private directory and unlocks the repository. It may be called
// whether or not commit succeeded or was called.
func (t *transaction) close() {
	defer t.unlock()
	if t.work == "" {
		return
	}
	if err := t.repo.root.RemoveAll(t.work); err != nil {
		t.warnings = append(t.warnings, fmt.Sprintf("removing %s: %v", t.work, err))
	}
}

// removeFiles removes files that nothing names any longer. A failure is a warning: the
// file is unused.
func (t *transaction) removeFiles(files ...string) {
	for _, p := range files {
		err := t.do("remove", p, func() error { return t.repo.root.Remove(p) })
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.warnings = append(t.warnings, fmt.Sprintf("unused file %s could not be removed: %v", p, err))
		}
	}
}
