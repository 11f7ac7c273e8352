// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/testing/sys"
)

const (
	alice = 54321
	bob   = 54322
)

// ownedWorld is a world whose target, and its directory, belong to owner. Others can
// enter it.
func ownedWorld(t *testing.T, owner int) *world {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("NOT PROVEN: other users need root")
	}
	w := newWorld(t)
	top, err := os.MkdirTemp("", "updater-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(top)) })
	require.NoError(t, os.Chmod(top, 0o755))
	dir := filepath.Join(top, "bin")
	require.NoError(t, os.Mkdir(dir, 0o755))
	w.target = filepath.Join(dir, "app")
	require.NoError(t, os.WriteFile(w.target, []byte(oldContent), 0o755))
	for _, path := range []string{dir, w.target} {
		require.NoError(t, os.Chown(path, owner, owner))
	}
	return w
}

func as(t *testing.T, uid int, do func()) {
	t.Helper()
	if uid == 0 {
		do()
		return
	}
	sys.AsUser(t, uid, uid, do)
}

// A user who may not update checks, starts and confirms without an error, and does not
// call what they cannot read damaged.
func TestA1_AnotherUser(t *testing.T) {
	for _, owner := range []int{0, alice} {
		w := ownedWorld(t, owner)
		w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
		require.NoError(t, updater.Apply(w.options(updater.Probation(2))...))
		before := w.snapshot()
		w.log.Reset()
		var failed error
		as(t, bob, func() {
			for _, current := range []string{"", "1.2.3"} {
				u, err := updater.New(w.options(updater.CurrentVersion(current))...)
				if err == nil {
					_, err = u.Check(t.Context())
				}
				failed = errors.Join(failed, err)
			}
			recovered, err := updater.Recover(w.options()...)
			failed = errors.Join(failed, err, updater.Confirm(w.options()...))
			if *recovered != (updater.Recovery{}) {
				failed = errors.Join(failed, fmt.Errorf("recovered %v", *recovered))
			}
			err = updater.Apply(w.options(updater.Version("1.2.4"))...)
			if !errors.Is(err, updater.ErrOwner) {
				failed = errors.Join(failed, fmt.Errorf("another user's update: %w", err))
			}
		})
		require.NoError(t, failed)
		require.NotContains(t, w.log.String(), "damaged")
		require.Equal(t, before, w.snapshot())
	}
}

// Root and the owner update in turn: what one remembers the other reads, so that a
// downgrade is noticed without CurrentVersion.
func TestA2A3_RootAndOwnerRememberTogether(t *testing.T) {
	for name, order := range map[string][]int{"A2 root first": {0, alice, 0}, "A3 owner first": {alice, 0, alice}} {
		for _, state := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w := ownedWorld(t, alice)
				options := []updater.Option{updater.CurrentVersion("")}
				if state {
					dir := filepath.Join(filepath.Dir(w.target), "state")
					as(t, alice, func() { require.NoError(t, os.Mkdir(dir, 0o700)) })
					options = append(options, updater.StateDir(dir))
				}
				for i, uid := range order {
					version, content := fmt.Sprintf("1.2.%d", 3+i), fmt.Sprintf("#!/bin/sh\necho %d\n", i)
					w.publish(version, newRelease(t, version, []byte(content)))
					var check, apply, old error
					as(t, uid, func() {
						_, check = w.check(append(options, updater.Version(version))...)
						apply = updater.Apply(w.options(append(options, updater.Version(version))...)...)
						if i > 0 {
							old = updater.Apply(w.options(append(options, updater.Version("1.2.3"))...)...)
						}
					})
					require.NoError(t, check)
					require.NoError(t, apply)
					w.holds(content)
					if i > 0 {
						require.ErrorContains(t, old, "older")
					}
				}
			})
		}
	}
}

// T6: a directory above StateDir that others may exchange.
func TestA10_DirectoryAboveStateDir(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	above := filepath.Join(t.TempDir(), "above")
	state := filepath.Join(above, "state")
	require.NoError(t, os.MkdirAll(state, 0o700))
	require.NoError(t, os.Chmod(above, 0o777))
	require.ErrorIs(t, w.refuses(updater.ErrState, updater.StateDir(state)), updater.ErrUnsafeDirectory)
	require.NoError(t, os.Chmod(above, os.ModeSticky|0o777))
	require.NoError(t, updater.Apply(w.options(updater.StateDir(state))...))
}

// A directory where all may write, as a volume of 0777, is accepted if the program says so.
func TestA5_SharedDirectory(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	require.NoError(t, os.Chmod(filepath.Dir(w.target), 0o777))
	err := w.refuses(updater.ErrUnsafeDirectory)
	require.ErrorContains(t, err, "InsecureSharedDirectory()")
	_, err = updater.Recover(w.options()...)
	require.NoError(t, err, "there is nothing to recover")
	shared := updater.InsecureSharedDirectory()
	require.NoError(t, updater.Apply(w.options(shared, updater.Probation(1))...))
	w.holds(newContent)
	recovered, err := updater.Recover(w.options(shared)...)
	require.NoError(t, err)
	require.Equal(t, 1, recovered.Starts)
	require.NoError(t, updater.Confirm(w.options(shared)...))
	// As on a file system with fixed modes.
	require.NoError(t, os.Chmod(filepath.Join(filepath.Dir(w.target), ".app.update"), 0o777))
	_, err = w.check()
	require.ErrorIs(t, err, updater.ErrUnsafeDirectory)
	_, err = w.check(shared)
	require.NoError(t, err)
	require.NoError(t, updater.Rollback(w.options(shared)...))
	w.holds(oldContent)
}

// Smoke test and health check of another user's program run as that user.
func TestA13_TrialsRunAsTheOwner(t *testing.T) {
	const program = "#!/bin/sh\necho user $(id -u) home $HOME\n"
	for owner, says := range map[int]string{0: "user 0", alice: "user 54321 home /"} {
		w := ownedWorld(t, owner)
		w.publish("1.2.3", newRelease(t, "1.2.3", []byte(program)))
		trial := updater.Trial{Contains: says}
		require.NoError(t, updater.Apply(w.options(updater.SmokeTest(trial), updater.HealthCheck(trial))...))
		w.holds(program)
	}
}

// Preflight finds a work directory that the update would refuse.
func TestA4_PreflightLooksAtTheWorkDirectory(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	work := filepath.Join(filepath.Dir(w.target), ".app.update")
	require.NoError(t, os.Mkdir(work, 0o700))
	for mode, want := range map[os.FileMode]error{0o755: nil, 0o777: updater.ErrUnsafeDirectory} {
		require.NoError(t, os.Chmod(work, mode))
		u, err := updater.New(w.options(updater.StateDir(t.TempDir()))...)
		require.NoError(t, err)
		_, err = u.Preflight(t.Context())
		require.ErrorIs(t, err, want)
	}
}

// Root keeps what is remembered in StateDir, where the owner of the program cannot read
// it: for an update of theirs it is not nothing.
func TestStateDirOfRootIsNotForgottenByTheOwner(t *testing.T) {
	w := ownedWorld(t, alice)
	state := filepath.Join(filepath.Dir(filepath.Dir(w.target)), "state")
	require.NoError(t, os.Mkdir(state, 0o755))
	for _, v := range []string{"1.2.2", "1.2.3", "1.2.4"} {
		w.publish(v, newRelease(t, v, []byte(v)))
	}
	to := func(version string, more ...updater.Option) error {
		return updater.Apply(w.options(append([]updater.Option{
			updater.CurrentVersion(""), updater.StateDir(state), updater.Version(version),
		}, more...)...)...)
	}
	require.NoError(t, to("1.2.3"))
	require.NoError(t, os.Chtimes(w.target, now, now), "else the record says what runs")
	var lower, higher error
	as(t, alice, func() { lower = to("1.2.2") })
	require.ErrorIs(t, lower, updater.ErrState)
	w.holds("1.2.3")
	as(t, alice, func() { higher = to("1.2.4", updater.CurrentVersion("1.2.3")) })
	require.NoError(t, higher)
	w.holds("1.2.4")
}

// Alice gives the name of her program to a file that root left in her directory: root
// would take it for its own, and run what she puts there.
func TestA13_PlantedTargetIsNotRunAsRoot(t *testing.T) {
	w := ownedWorld(t, alice)
	dir := filepath.Dir(w.target)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	left := filepath.Join(dir, ".viminfo")
	require.NoError(t, os.WriteFile(left, []byte("# root was here"), 0o600))
	as(t, alice, func() { require.NoError(t, os.Rename(left, w.target)) })
	before := w.snapshot()
	err := w.refuses(updater.ErrUnsafeDirectory, updater.SmokeTest(updater.Trial{}))
	require.ErrorContains(t, err, "chown the directory to root, or the program to user 54321")
	require.Zero(t, w.requests.Load(), "found before the download")
	require.Equal(t, before, w.snapshot())
	u, err := updater.New(w.options()...)
	require.NoError(t, err)
	report, err := u.Preflight(t.Context())
	require.ErrorIs(t, err, updater.ErrUnsafeDirectory)
	require.Len(t, report.Problems, 1)

	// Each advice can be followed.
	require.NoError(t, os.Chown(w.target, alice, alice))
	require.NoError(t, updater.Apply(w.options()...))
	require.NoError(t, os.Chown(w.target, 0, 0))
	require.NoError(t, os.Chown(dir, 0, 0))
	w.publish("1.2.4", newRelease(t, "1.2.4", []byte(newContent+"4")))
	require.NoError(t, updater.Apply(w.options(updater.Version("1.2.4"))...))
}

// Alice puts a link in the place of the work directory while the artifact is downloaded.
// Root creates nothing where it leads.
func TestA12_WorkDirExchangedDuringTheDownload(t *testing.T) {
	w := ownedWorld(t, alice)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	victim := t.TempDir()
	work := filepath.Join(filepath.Dir(w.target), ".app.update")
	w.handler = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, ".bz2") {
			as(t, alice, func() {
				require.NoError(t, os.Rename(work, work+".away"))
				require.NoError(t, os.Symlink(victim, work))
			})
			require.NoError(t, os.Chtimes(victim, now, now))
		}
		next.ServeHTTP(rw, r)
	}
	require.Error(t, updater.Apply(w.options()...))
	w.holds(oldContent)
	found, err := os.ReadDir(victim)
	require.NoError(t, err)
	require.Empty(t, found)
	info, err := os.Stat(victim)
	require.NoError(t, err)
	require.True(t, info.ModTime().Equal(now), "nothing was created and removed")
}
