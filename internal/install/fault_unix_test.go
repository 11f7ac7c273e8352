// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// entry is all that must not change when an update is refused.
type entry struct {
	mode     fs.FileMode
	uid, gid int
	inode    uint64
	links    uint64
	content  string
}

func snapshot(t *testing.T, dir string) map[string]entry {
	t.Helper()
	found := map[string]entry{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e := entry{mode: info.Mode(), inode: uint64(info.Sys().(*syscall.Stat_t).Ino), links: links(info)}
		e.uid, e.gid = owner(info)
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			e.content = sum(b)
		case info.Mode()&fs.ModeSymlink != 0:
			e.content, err = os.Readlink(path)
		}
		found[path] = e
		return err
	}))
	return found
}

// faulty is the file system with a fault in it: before and after may do
// something, or return the error of the operation called op.
type faulty struct {
	fsys
	before, after func(op, name string) error
}

func (f *faulty) do(op, name string, run func() error) error {
	if f.before != nil {
		if err := f.before(op, name); err != nil {
			return err
		}
	}
	err := run()
	if err == nil && f.after != nil {
		err = f.after(op, name)
	}
	return err
}

func (f *faulty) Lstat(name string) (info fs.FileInfo, err error) {
	err = f.do("lstat", name, func() error { info, err = f.fsys.Lstat(name); return err })
	return info, err
}

func (f *faulty) OpenFile(name string, flag int, perm fs.FileMode) (file *os.File, err error) {
	if err = f.do("open", name, func() error { file, err = f.fsys.OpenFile(name, flag, perm); return err }); err != nil && file != nil {
		file.Close()
		file = nil
	}
	return file, err
}

func (f *faulty) Mkdir(name string, perm fs.FileMode) error {
	return f.do("mkdir", name, func() error { return f.fsys.Mkdir(name, perm) })
}

func (f *faulty) Link(oldname, newname string) error {
	return f.do("link", newname, func() error { return f.fsys.Link(oldname, newname) })
}

func (f *faulty) Rename(oldname, newname string) error {
	return f.do("rename", newname, func() error { return f.fsys.Rename(oldname, newname) })
}

func (f *faulty) Remove(name string) error {
	return f.do("remove", name, func() error { return f.fsys.Remove(name) })
}

func (f *faulty) Chown(file *os.File, uid, gid int) error {
	return f.do("chown", file.Name(), func() error { return f.fsys.Chown(file, uid, gid) })
}

func (f *faulty) Chmod(file *os.File, mode fs.FileMode) error {
	return f.do("chmod", file.Name(), func() error { return f.fsys.Chmod(file, mode) })
}

func (f *faulty) Sync(file *os.File) error {
	return f.do("sync", file.Name(), func() error { return f.fsys.Sync(file) })
}

func (f *faulty) Carry(dst, src *os.File) (lost []string, err error) {
	err = f.do("carry", dst.Name(), func() error { lost, err = f.fsys.Carry(dst, src); return err })
	return lost, err
}

func (f *faulty) Copy(dst, src *os.File) (n int64, err error) {
	err = f.do("copy", dst.Name(), func() error { n, err = f.fsys.Copy(dst, src); return err })
	return n, err
}

func (f *faulty) Names(dir string) (found []string, err error) {
	err = f.do("names", dir, func() error { found, err = f.fsys.Names(dir); return err })
	return found, err
}

var errFault = fmt.Errorf("injected: %w", syscall.EIO)

func (f *faulty) open(dir string) (fsys, error) {
	root, err := openRoot(dir)
	f.fsys = root
	return f, err
}

// run is a whole update: what the caller of this package does.
func (f *faulty) run(target string, aside bool) (err error) {
	s, err := begin(context.Background(), target, false, f.open)
	if err != nil {
		return err
	}
	// A failure to clear up is not one to update; the next run clears up.
	defer s.Close()
	s.aside = aside
	path, err := s.StagePath()
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, newBytes, 0o600); err != nil {
		return err
	}
	st, err := s.Seal(path, sum(newBytes), int64(len(newBytes)))
	if err != nil {
		return err
	}
	_, err = s.Commit(st, Plan{})
	return err
}

type way struct {
	aside    bool
	prepare  func(t *testing.T, target string)
	rollback bool
}

// ways are the paths through an update that differ in their operations.
var ways = map[string]way{
	"first update": {},
	"with an older backup": {prepare: func(t *testing.T, target string) {
		require.NoError(t, os.WriteFile(target+".backup", []byte("older"), 0o755))
	}},
	"target with a second name": {prepare: func(t *testing.T, target string) {
		require.NoError(t, os.Link(target, filepath.Join(t.TempDir(), "second")))
	}},
	"renamed aside": {aside: true, prepare: func(t *testing.T, target string) {
		require.NoError(t, os.WriteFile(target+".backup", []byte("older"), 0o755))
	}},
	"rollback": {rollback: true, prepare: func(t *testing.T, target string) {
		require.NoError(t, os.WriteFile(target+".backup", newBytes, 0o755))
	}},
}

// Every operation fails in turn: once, for good, or after it was done. Whatever
// the error, the target is whole; and unless it says otherwise, the old one.
func TestEveryOperationFails(t *testing.T) {
	type fault struct {
		after, lasting bool
	}
	faults := map[string]fault{"once": {}, "for good": {lasting: true}, "done all the same": {after: true}}
	for way, w := range ways {
		for kind, k := range faults {
			t.Run(way+"/"+kind, func(t *testing.T) {
				for n := 1; ; n++ {
					target := newTarget(t)
					if w.prepare != nil {
						w.prepare(t, target)
					}
					dir := filepath.Dir(target)
					before, count, what := snapshot(t, dir), 0, ""
					fail := func(op, name string) error {
						if count++; count < n || count > n && !k.lasting {
							return nil
						}
						if count == n {
							what = fmt.Sprintf("operation %d, %s %s", n, op, filepath.Base(name))
						}
						return errFault
					}
					f := &faulty{before: fail}
					if k.after {
						f = &faulty{after: fail}
					}
					var err error
					if w.rollback {
						err = rollback(context.Background(), target, f.open)
					} else {
						err = f.run(target, w.aside)
					}
					if what == "" {
						require.NoError(t, err)
						require.Greater(t, n, 20, "operations were counted")
						return
					}
					checkAfterFault(t, target, before, err, what, w, k.lasting)
				}
			})
		}
	}
}

func checkAfterFault(t *testing.T, target string, before map[string]entry, err error, what string, w way, lasting bool) {
	t.Helper()
	dir := filepath.Dir(target)
	var failure *RollbackFailure
	broken := errors.As(err, &failure)
	require.False(t, broken && !lasting, "one fault is what the way back is for: %s: %v", what, err)
	if _, statErr := os.Lstat(target); broken && w.aside && errors.Is(statErr, fs.ErrNotExist) {
		return // only here can the target be absent
	}
	// The next session clears up what the fault left.
	s, beginErr := Begin(context.Background(), target)
	require.NoError(t, beginErr, what)
	require.NoError(t, s.Close(), what)
	require.NotContains(t, names(t, dir), filepath.Base(WorkDir(target)), what)
	got, readErr := os.ReadFile(target)
	require.NoError(t, readErr, what)
	switch {
	case err == nil:
		require.Equal(t, sum(newBytes), sum(got), what)
	case broken:
		require.Contains(t, []string{sum(oldBytes), sum(newBytes)}, sum(got), what)
	case w.rollback && sum(got) == sum(newBytes):
		// Only closing failed: what was asked for is done.
		require.ErrorContains(t, err, "ending the update", what)
	default:
		require.ErrorIs(t, err, syscall.EIO, what)
		after := snapshot(t, dir)
		if lasting {
			// What a dead disk keeps us from undoing may stay: a backup of
			// the target, in the place of an older one.
			if b, ok := after[target+".backup"]; ok && b.content == sum(oldBytes) {
				sameBackup(before, after, target)
			}
		}
		requireAsBefore(t, before, after, target, what)
	}
}

func sameBackup(before, after map[string]entry, target string) {
	if b, ok := before[target+".backup"]; ok {
		after[target+".backup"] = b
	} else {
		delete(after, target+".backup")
	}
	e := after[target]
	e.links = before[target].links
	after[target] = e
}

// requireAsBefore allows one thing: a target that was put back from a copy,
// because it had a second name, is another inode.
func requireAsBefore(t *testing.T, before, after map[string]entry, target, what string) {
	t.Helper()
	b, a := before[target], after[target]
	if b.links > 1 {
		b.inode, b.links = a.inode, a.links
		before[target] = b
	}
	require.Equal(t, before, after, what)
}
