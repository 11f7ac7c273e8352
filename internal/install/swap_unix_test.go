// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package install

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRollbackFailure(t *testing.T) {
	target := newTarget(t)
	broken := errors.New("cannot rename back")
	f := &faulty{}
	f.after = func(op, name string) error {
		if op != "rename" || name != "tool" {
			return nil
		}
		// The rename was done. The one back fails.
		f.before = func(op, name string) error {
			if op == "rename" && name == "tool" {
				return broken
			}
			return nil
		}
		return errFault
	}
	err := f.run(target, false)
	var failure *RollbackFailure
	require.ErrorAs(t, err, &failure)
	require.ErrorIs(t, failure.Cause, syscall.EIO)
	require.ErrorIs(t, failure.Err, broken)
	require.ErrorIs(t, err, syscall.EIO)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, `"tool.backup"`, "with the name of the old file")
	requireFile(t, target+".backup", oldBytes)
}

// A file that replaced the backup is not restored as the old one.
func TestRollbackFailureOfReplacedBackup(t *testing.T) {
	target := newTarget(t)
	f := &faulty{}
	f.after = func(op, name string) error {
		if op == "rename" && name == "tool" {
			require.NoError(t, os.Remove(target+".backup"))
			require.NoError(t, os.WriteFile(target+".backup", []byte("evil"), 0o755))
			return errFault
		}
		return nil
	}
	err := f.run(target, false)
	require.ErrorAs(t, err, new(*RollbackFailure))
	require.ErrorIs(t, err, ErrChanged)
	requireFile(t, target, newBytes)
}

func TestRollbackRefusesBackup(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, target string)
		err     error
	}{
		"nothing there": {func(*testing.T, string) {}, ErrNoBackup},
		"empty file": {func(t *testing.T, target string) {
			require.NoError(t, os.WriteFile(target+".backup", nil, 0o755))
		}, ErrNoBackup},
		"link to the target": {func(t *testing.T, target string) {
			require.NoError(t, os.Link(target, target+".backup"))
		}, ErrNoBackup},
		"file with a second name": {func(t *testing.T, target string) {
			require.NoError(t, os.WriteFile(target+".backup", newBytes, 0o755))
			require.NoError(t, os.Link(target+".backup", filepath.Join(t.TempDir(), "x")))
		}, ErrNoBackup},
		"usable": {func(t *testing.T, target string) {
			require.NoError(t, os.WriteFile(target+".backup", newBytes, 0o755))
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			tc.prepare(t, target)
			before := snapshot(t, filepath.Dir(target))
			err := Rollback(context.Background(), target)
			require.ErrorIs(t, err, tc.err)
			if tc.err != nil {
				require.Equal(t, before, snapshot(t, filepath.Dir(target)))
			}
		})
	}
}

// A write to the target through its second name does not change the backup.
func TestBackupIsNotLinkedToTargetWithTwoNames(t *testing.T) {
	target := newTarget(t)
	second := filepath.Join(t.TempDir(), "second")
	require.NoError(t, os.Link(target, second))
	update(t, target, newBytes)
	require.NoError(t, os.WriteFile(second, []byte("written in place"), 0o755))
	requireFile(t, target+".backup", oldBytes)
}

func TestFileSystemWithoutLinks(t *testing.T) {
	target := newTarget(t)
	f := &faulty{before: func(op, _ string) error {
		if op == "link" {
			return syscall.EPERM
		}
		return nil
	}}
	require.NoError(t, f.run(target, false))
	requireFile(t, target, newBytes)
	requireFile(t, target+".backup", oldBytes)
	require.NoError(t, rollback(context.Background(), target, f.open))
	requireFile(t, target, oldBytes)
}

// Some file systems have no fsync for directories. One that fails is an error.
func TestDirectorySync(t *testing.T) {
	for name, tc := range map[string]struct {
		err, want error
	}{
		"invalid": {syscall.EINVAL, nil}, "not supported": {syscall.ENOTSUP, nil}, "failed": {syscall.EIO, syscall.EIO},
	} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			dirSync := func(op, name string) error {
				if op == "sync" && filepath.Clean(name) == filepath.Dir(target) {
					return tc.err
				}
				return nil
			}
			require.ErrorIs(t, (&faulty{before: dirSync}).run(target, false), tc.want)
			if tc.want == nil {
				requireFile(t, target, newBytes)
			} else {
				requireFile(t, target, oldBytes)
				s, err := Begin(t.Context(), target, Options{})
				require.NoError(t, err)
				require.NoError(t, s.Close())
				require.Equal(t, []string{"tool"}, names(t, filepath.Dir(target)))
			}
		})
	}
}

// If the fsync after the rename fails, the old file is restored.
func TestLastSyncFails(t *testing.T) {
	target := newTarget(t)
	before := snapshot(t, filepath.Dir(target))
	renamed, syncs := false, 0
	f := &faulty{
		after: func(op, name string) error { renamed = renamed || op == "rename" && name == "tool"; return nil },
		before: func(op, _ string) error {
			if op != "sync" || !renamed {
				return nil
			}
			if syncs++; syncs > 1 {
				requireFile(t, target, oldBytes)
				return nil
			}
			requireFile(t, target, newBytes)
			return errFault
		},
	}
	require.ErrorIs(t, f.run(target, false), syscall.EIO)
	require.Greater(t, syncs, 1, "the rename back is synced too")
	require.Equal(t, before, snapshot(t, filepath.Dir(target)))
}

// recording appends the operations whose order matters to order.
func recording(target string, order *[]string) *faulty {
	return &faulty{after: func(op, name string) error {
		kind, _, _ := strings.Cut(filepath.Base(name), "-")
		switch op {
		case "chown", "chmod", "sync", "rename", "link", "remove":
			if filepath.Clean(name) == filepath.Dir(target) {
				kind = "directory"
			}
			*order = append(*order, op+" "+kind)
		}
		return nil
	}}
}

var journalWritten = []string{"sync journal.json.write", "rename journal.json", "sync .tool.update", "sync directory"}

// Content is synced before a name leads to it, names before success is reported.
func TestOrderOfSyncs(t *testing.T) {
	target := newTarget(t)
	require.NoError(t, os.WriteFile(target+".backup", []byte("older"), 0o755))
	var order []string
	require.NoError(t, recording(target, &order).run(target, false))
	want := slices.Concat([]string{
		"chmod stage", "sync stage", // Seal
		"chmod stage", "sync stage",
		"link backup", "sync tool",
	}, journalWritten, []string{
		"rename previous", "rename tool.backup", "sync directory",
		"rename tool", "sync directory",
	}, journalWritten)
	require.Equal(t, want, order[:len(want)])

	order = nil
	require.NoError(t, rollback(t.Context(), target, recording(target, &order).open))
	want = slices.Concat([]string{"link stage", "sync tool.backup", "link keep", "sync tool"}, journalWritten, []string{
		"rename tool", "sync directory",
		"remove tool.backup", "sync directory",
		"remove journal.json", "sync .tool.update",
	})
	require.Equal(t, want, order[:len(want)])
}

// The name of the restored file is synced before its backup is removed.
func TestOrderOfSyncsAfterFailedCheck(t *testing.T) {
	target := newTarget(t)
	var order []string
	f := recording(target, &order)
	s, err := begin(t.Context(), target, Options{}, f.open)
	require.NoError(t, err)
	_, err = s.Commit(stage(t, s, newBytes), Plan{Check: func() error { order = nil; return errFault }})
	require.ErrorIs(t, err, ErrHealth)
	require.NoError(t, s.Close())
	want := []string{"rename tool", "sync directory", "sync directory"}
	require.Equal(t, want, order[:len(want)])
}

// The backup is a link. Only a file with several names is copied.
func TestBackupIsALink(t *testing.T) {
	for name, tc := range map[string]struct {
		names, copies int
	}{"one name": {1, 0}, "two names": {2, 1}} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			if tc.names == 2 {
				require.NoError(t, os.Link(target, target+".other"))
			}
			copies := 0
			f := &faulty{before: func(op, _ string) error {
				if op == "copy" {
					copies++
				}
				return nil
			}}
			s, err := begin(context.Background(), target, Options{}, f.open)
			require.NoError(t, err)
			_, err = s.Commit(stage(t, s, newBytes), Plan{})
			require.NoError(t, err)
			require.NoError(t, s.Close())
			require.Equal(t, tc.copies, copies)
			requireFile(t, target, newBytes)
			requireFile(t, target+".backup", oldBytes)
		})
	}
}
