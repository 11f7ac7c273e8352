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

	"github.com/choria-io/go-updater/internal/store"
)

// entry is what a refused update must not change.
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
		st := info.Sys().(*syscall.Stat_t)
		e := entry{mode: info.Mode(), inode: uint64(st.Ino), links: uint64(st.Nlink)}
		e.uid, e.gid = store.Owner(info)
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

type variant struct {
	aside    bool
	prepare  func(t *testing.T, target string)
	rollback bool
}

// variants are updates that differ in their operations.
var variants = map[string]variant{
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

// Every operation fails in turn: once, permanently, or after it was done. The target is
// always complete, and the old file unless the update succeeded or the error is a
// RollbackFailure.
func TestEveryOperationFails(t *testing.T) {
	type fault struct {
		after, lasting bool
	}
	faults := map[string]fault{"once": {}, "permanently": {lasting: true}, "after it was done": {after: true}}
	for name, v := range variants {
		for kind, k := range faults {
			t.Run(name+"/"+kind, func(t *testing.T) {
				for n := 1; ; n++ {
					target := newTarget(t)
					if v.prepare != nil {
						v.prepare(t, target)
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
					if v.rollback {
						err = rollback(context.Background(), target, f.open)
					} else {
						err = f.run(target, v.aside)
					}
					if what == "" {
						require.NoError(t, err)
						require.Greater(t, n, 20, "operations were counted")
						return
					}
					checkAfterFault(t, target, before, err, what, v, k.lasting)
				}
			})
		}
	}
}

func checkAfterFault(t *testing.T, target string, before map[string]entry, err error, what string, v variant, lasting bool) {
	t.Helper()
	dir := filepath.Dir(target)
	var failure *RollbackFailure
	failedRollback := errors.As(err, &failure)
	require.False(t, failedRollback && !lasting, "one fault must not make the rollback fail: %s: %v", what, err)
	if _, statErr := os.Lstat(target); failedRollback && v.aside && errors.Is(statErr, fs.ErrNotExist) {
		return // only here there may be no target
	}
	// The next session removes what the fault left.
	s, beginErr := Begin(context.Background(), target, Options{})
	require.NoError(t, beginErr, what)
	require.NoError(t, s.Close(), what)
	require.NotContains(t, names(t, dir), filepath.Base(WorkDir(target)), what)
	got, readErr := os.ReadFile(target)
	require.NoError(t, readErr, what)
	switch {
	case err == nil:
		require.Equal(t, sum(newBytes), sum(got), what)
	case failedRollback:
		require.Contains(t, []string{sum(oldBytes), sum(newBytes)}, sum(got), what)
	case v.rollback && sum(got) == sum(newBytes):
		// The rollback was done, and only Close failed.
		require.ErrorContains(t, err, "ending the update", what)
	default:
		require.ErrorIs(t, err, syscall.EIO, what)
		after := snapshot(t, dir)
		if lasting {
			// On a failed disk the backup cannot be undone: a link to the target
			// may have replaced an older one.
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

// requireAsBefore allows one difference: a target with two names is restored from a
// copy, which is another inode.
func requireAsBefore(t *testing.T, before, after map[string]entry, target, what string) {
	t.Helper()
	b, a := before[target], after[target]
	if b.links > 1 {
		b.inode, b.links = a.inode, a.links
		before[target] = b
	}
	require.Equal(t, before, after, what)
}
