// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// scene is a row of the table in package store: who owns what, who runs, and what is
// found beside the target.
type scene struct {
	owner, runner int
	above         int // owner of the directory of the target
	aboveMode     fs.FileMode
	work          int // owner of the work directory, -1 for none
	workMode      fs.FileMode
	leftovers     string
}

func (s scene) String() string {
	return fmt.Sprintf("target of %d, run by %d, in %o of %d, work directory %o of %d, %s", s.owner, s.runner,
		s.aboveMode&0o7777, s.above, s.workMode, s.work, s.leftovers)
}

// leftovers are what an update, or a person, left in the work directory.
var leftovers = map[string]func(t *testing.T, work string){
	"empty": func(*testing.T, string) {},
	"killed update": func(t *testing.T, work string) {
		for _, name := range []string{lockFile, "stage-ABCDEFGHIJKLMNOPQRSTUVWXYZ", "journal.json.write-ABCDEFGHIJKLMNOPQRSTUVWXYZ"} {
			require.NoError(t, os.WriteFile(filepath.Join(work, name), nil, 0o600))
		}
	},
	"file of a person": func(t *testing.T, work string) {
		require.NoError(t, os.WriteFile(filepath.Join(work, "notes"), []byte("notes"), 0o600))
	},
	"damaged journal": func(t *testing.T, work string) {
		require.NoError(t, os.WriteFile(filepath.Join(work, journalFile), []byte("damaged"), 0o600))
	},
}

func scenes() (all []scene) {
	for _, owner := range []int{root, alice} {
		for _, runner := range []int{root, alice, bob} {
			for _, above := range []int{root, alice} {
				for _, aboveMode := range []fs.FileMode{0o755, 0o775, 0o777, 0o777 | fs.ModeSticky} {
					all = append(all, scene{owner, runner, above, aboveMode, -1, 0, "empty"})
					for _, work := range []int{root, alice, bob} {
						for _, workMode := range []fs.FileMode{0o700, 0o755, 0o770, 0o707, 0} {
							for left := range leftovers {
								all = append(all, scene{owner, runner, above, aboveMode, work, workMode, left})
							}
						}
					}
				}
			}
		}
	}
	return all
}

// make makes the scene in dir.
func (s scene) make(t *testing.T, dir string) (target string) {
	t.Helper()
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.RemoveAll(bin))
	require.NoError(t, os.Mkdir(bin, 0o755))
	target = filepath.Join(bin, "tool")
	program(t, target, s.owner, s.owner, 0o755)
	if s.work >= 0 {
		work := WorkDir(target)
		require.NoError(t, os.Mkdir(work, 0o700))
		leftovers[s.leftovers](t, work)
		require.NoError(t, filepath.WalkDir(work, func(path string, _ fs.DirEntry, err error) error {
			require.NoError(t, err)
			return os.Chown(path, s.work, s.work)
		}))
		require.NoError(t, os.Chmod(work, s.workMode))
	}
	require.NoError(t, os.Chown(bin, s.above, s.above))
	require.NoError(t, os.Chmod(bin, s.aboveMode))
	return target
}

// outcome is what the table says of a scene: an error, or the update is done.
func (s scene) outcome() (advice string, err error) {
	open := s.aboveMode == 0o777
	mayWrite := s.runner == root || s.runner == s.above || s.aboveMode&0o002 != 0
	switch {
	case s.runner != root && s.runner != s.owner:
		return "", ErrOwner
	case s.runner == root && s.above != root && s.above != s.owner:
		return "chown the directory to root, or the program to user", ErrUnsafeDirectory
	case open:
		return "chmod o-w", ErrUnsafeDirectory
	case s.work >= 0 && s.work != s.owner: // it is replaced, if it can be
		if mayWrite && (s.runner == root || s.runner == s.above || s.aboveMode&fs.ModeSticky == 0) {
			return "", nil
		}
		if s.leftovers == "empty" && s.aboveMode&fs.ModeSticky == 0 && mayWrite {
			return "", nil
		}
		return "has to remove it", ErrUnsafeDirectory
	case s.work >= 0 && s.workMode&0o002 != 0:
		return "chmod go-w", ErrUnsafeDirectory
	case s.work >= 0 && s.workMode&0o020 != 0 && (s.aboveMode&0o020 == 0 || s.above != s.work):
		return "chmod go-w", ErrUnsafeDirectory
	case !mayWrite:
		return "", fs.ErrPermission
	}
	return "", nil
}

// Every combination has the outcome of the table. A refusal changes nothing, and once
// the fault is taken away an update succeeds, without a person removing a file.
func TestTableOfUsers(t *testing.T) {
	needRoot(t)
	top, err := os.MkdirTemp("", "install-test-") // other users can enter it
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(top)) })
	require.NoError(t, os.Chmod(top, 0o755))
	dir := mount(t, "tmpfs", top, "tmpfs", 0, "mode=755") // for its speed
	done := map[string]int{}
	for i, s := range scenes() {
		if testing.Short() && i%11 != 0 {
			continue
		}
		target := s.make(t, dir)
		as(t, s.runner, func() {
			// A start is an error only where a person has to act.
			_, err := Recover(t.Context(), target, Options{})
			if _, want := s.outcome(); want == nil || want == ErrOwner {
				if s.leftovers == "damaged journal" && want == nil && s.work == s.owner {
					want = ErrJournal
				}
				if want == ErrOwner {
					want = nil
				}
				require.ErrorIs(t, err, want, s)
			}
		})
		advice, want := s.outcome()
		before := snapshot(t, filepath.Dir(target)) // a start may remove an empty directory of its own
		err := updateAs(t, s.runner, target, newBytes)
		require.ErrorIs(t, err, want, s)
		done[fmt.Sprint(want, advice)]++
		if want != nil {
			require.ErrorContains(t, err, advice, s)
			after := snapshot(t, filepath.Dir(target))
			if want == fs.ErrPermission { // found by Preflight, or else by Commit: leftovers are gone by then
				before, after = map[string]entry{target: before[target]}, map[string]entry{target: after[target]}
			}
			require.Equal(t, before, after, s)

			// The fault is taken away.
			require.NoError(t, os.Chown(filepath.Dir(target), s.owner, s.owner))
			require.NoError(t, os.Chmod(filepath.Dir(target), 0o755))
			if _, err := os.Lstat(WorkDir(target)); err == nil {
				require.NoError(t, os.Chmod(WorkDir(target), s.workMode&^0o022))
			}
			require.NoError(t, updateAs(t, s.owner, target, newBytes), s)
		}
		requireFile(t, target, newBytes)
		require.NoError(t, os.Chown(filepath.Dir(target), s.owner, s.owner))
		require.NoError(t, updateAs(t, root, target, []byte("by root")), s)
		require.NoError(t, updateAs(t, s.owner, target, []byte("by the owner")), s)
		requireOwnedBut(t, target, s.owner, "notes")
		info, err := os.Lstat(target)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o755), info.Mode(), s)
		require.Equal(t, s.owner, snapshot(t, filepath.Dir(target))[target].uid, s)
		if s.leftovers == "file of a person" {
			found, err := filepath.Glob(filepath.Join(filepath.Dir(target), ".tool.update*", "notes"))
			require.NoError(t, err)
			require.Len(t, found, 1, s)
			requireFile(t, found[0], []byte("notes"))
		}
	}
	t.Logf("%d scenes: %v", len(scenes()), done)
}

func requireOwnedBut(t *testing.T, target string, uid int, but string) {
	t.Helper()
	for path, e := range snapshot(t, WorkDir(target)) {
		if filepath.Base(path) != but {
			require.Equal(t, uid, e.uid, path)
		}
	}
}
