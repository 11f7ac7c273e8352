// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/store"
)

// once returns a hook that calls do at the first operation of a kind.
func once(op string, do func()) func(string, string) error {
	done := false
	return func(o, _ string) error {
		if o == op && !done {
			done = true
			do()
		}
		return nil
	}
}

// Another update finishes between our first Lstat of the target and our lock.
func TestAnotherUpdateBeforeLock(t *testing.T) {
	target := newTarget(t)
	between := []byte("between")
	f := &faulty{before: once("mkdir", func() { update(t, target, between) })}
	require.NoError(t, f.run(target, false))
	requireFile(t, target, newBytes)
	requireFile(t, target+".backup", between)
}

// Another update finishes and removes the work directory before we lock it.
func TestWorkDirRemovedBeforeLock(t *testing.T) {
	target := newTarget(t)
	f := &faulty{after: once("mkdir", func() { require.NoError(t, os.Remove(WorkDir(target))) })}
	require.NoError(t, f.run(target, false))
	requireFile(t, target, newBytes)
}

// A work directory that we created and cannot use is removed.
func TestUnusableWorkDirIsRemoved(t *testing.T) {
	target := newTarget(t)
	f := &faulty{after: once("mkdir", func() { require.NoError(t, os.Chmod(WorkDir(target), 0o777)) })}
	require.ErrorIs(t, f.run(target, false), ErrUnsafeDirectory)
	require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
}

// But not if another update has locked it meanwhile.
func TestWorkDirLockedByAnotherUpdate(t *testing.T) {
	target := newTarget(t)
	var other *Session
	f := &faulty{after: once("mkdir", func() {
		var err error
		other, err = Begin(context.Background(), target, Options{})
		require.NoError(t, err)
	})}
	require.ErrorIs(t, f.run(target, false), ErrLocked)
	require.DirExists(t, other.WorkDir())
	require.NoError(t, other.Close())
	require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
}

// The backup is replaced, or truncated, while Rollback reads it.
func TestBackupReplacedDuringRollback(t *testing.T) {
	for name, tc := range map[string]struct {
		op  string
		do  func(t *testing.T, backup string)
		err error // of the link
		is  error // of the rollback
	}{
		"replaced": {"link", func(t *testing.T, backup string) {
			require.NoError(t, os.Remove(backup))
			require.NoError(t, os.WriteFile(backup, []byte("evil"), 0o755))
		}, nil, nil}, // a copy of the one that was verified is put back
		"truncated": {"copy", func(t *testing.T, backup string) {
			require.NoError(t, os.Truncate(backup, 10))
		}, syscall.EPERM, ErrChanged},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			update(t, target, newBytes)
			do := once(tc.op, func() { tc.do(t, target+".backup") })
			f := &faulty{before: func(op, name string) error {
				if err := do(op, name); err != nil || op != "link" {
					return err
				}
				return tc.err
			}}
			require.ErrorIs(t, rollback(context.Background(), target, f.open), tc.is)
			want := newBytes
			if tc.is == nil {
				want = oldBytes
			}
			requireFile(t, target, want)
		})
	}
}

// A backup that was replaced during Rollback is not removed.
func TestRollbackKeepsAnotherBackup(t *testing.T) {
	target := newTarget(t)
	update(t, target, newBytes)
	f := &faulty{}
	f.after = func(op, name string) error {
		if op == "rename" && name == "tool" {
			require.NoError(t, os.Remove(target+".backup"))
			require.NoError(t, os.WriteFile(target+".backup", []byte("theirs"), 0o755))
		}
		return nil
	}
	require.NoError(t, rollback(context.Background(), target, f.open))
	requireFile(t, target, oldBytes)
	requireFile(t, target+".backup", []byte("theirs"))
}

// A backup that was replaced during the update is not removed when that is undone.
func TestUndoKeepsAnotherBackup(t *testing.T) {
	target := newTarget(t)
	f := &faulty{before: func(op, name string) error {
		if op == "rename" && name == "tool" {
			require.NoError(t, os.Remove(target+".backup"))
			require.NoError(t, os.WriteFile(target+".backup", []byte("theirs"), 0o755))
			return errFault
		}
		return nil
	}}
	require.ErrorIs(t, f.run(target, false), syscall.EIO)
	requireFile(t, target, oldBytes)
	requireFile(t, target+".backup", []byte("theirs"))
}

// If there is no target after a failed rollback, Close does not remove the old file.
func TestRollbackFailureKeepsOldFile(t *testing.T) {
	target := newTarget(t)
	f := &faulty{before: func(op, name string) error {
		if op == "rename" && name == "tool" {
			return errFault
		}
		return nil
	}}
	err := f.run(target, true)
	require.ErrorAs(t, err, new(*RollbackFailure))
	require.NoFileExists(t, target)
	found, err := filepath.Glob(filepath.Join(WorkDir(target), "saved-*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	requireFile(t, found[0], oldBytes)
	requireFile(t, target+".backup", oldBytes)
}

// After Write the file is what it was, or all of the new content. The content is
// synced before the rename, and the name before it returns.
func TestWriteFile(t *testing.T) {
	for _, fail := range []string{"", "open", "sync", "rename"} {
		t.Run("fail "+fail, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "document")
			require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
			var order []string
			f := &faulty{before: func(op, _ string) error {
				order = append(order, op)
				if op == fail {
					return errFault
				}
				return nil
			}}
			_, err := f.open(dir)
			require.NoError(t, err)
			defer f.Close()
			err = store.Write(f, ".", "document", []byte("new"))
			require.Equal(t, []string{"document"}, names(t, dir))
			if fail != "" {
				require.ErrorIs(t, err, syscall.EIO)
				requireFile(t, path, []byte("old"))
				return
			}
			require.NoError(t, err)
			requireFile(t, path, []byte("new"))
			require.Equal(t, []string{"open", "sync", "rename", "open", "sync"}, order)
			info, err := os.Lstat(path)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode())
		})
	}
}

// Not even if the old file cannot be renamed to saved-*.
func TestRollbackFailureKeepsOldFileAtItsName(t *testing.T) {
	target := newTarget(t)
	onProbation(t, target)
	f := &faulty{}
	s, err := Begin(t.Context(), target, Options{open: f.open})
	require.NoError(t, err)
	_, err = s.Commit(stage(t, s, newBytes), Plan{Check: func() error {
		f.before = func(op, _ string) error {
			if op == "rename" {
				return errFault
			}
			return nil
		}
		return errFault
	}})
	var failure *RollbackFailure
	require.ErrorAs(t, err, &failure)
	_ = s.Close()
	requireFile(t, target+".backup", goodBytes)
	kept := ""
	for _, name := range names(t, WorkDir(target)) {
		if kindOf(name) == "keep" {
			kept = filepath.Join(WorkDir(target), name)
		}
	}
	require.NotEmpty(t, kept)
	require.ErrorContains(t, err, filepath.Base(kept), "a person can find it")
	requireFile(t, kept, oldBytes)

	f.before = nil
	r, err := Recover(t.Context(), target, Options{})
	require.NoError(t, err)
	require.True(t, r.Restored)
	requireFile(t, target, oldBytes)
}
