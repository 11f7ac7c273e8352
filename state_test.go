// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/choria-io/go-updater/trust"
)

// remembering returns a world that installed 1.3.0 without a CurrentVersion: only what
// is remembered keeps older versions from being installed.
func remembering(t *testing.T) (w *world, state string, opts []updater.Option) {
	t.Helper()
	w = newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte("older")))
	w.publish("1.3.0", newRelease(t, "1.3.0", []byte(newContent)))
	unknown := updater.CurrentVersion("")
	require.NoError(t, updater.Apply(w.options(unknown, updater.Version("1.3.0"))...))
	w.holds(newContent)
	state = install.JournalPath(w.target)
	return w, state, []updater.Option{unknown}
}

func TestRememberedVersionIsTheFloor(t *testing.T) {
	w, state, opts := remembering(t)
	w.refuses(trust.ErrRollback, opts...)
	info, err := os.Stat(state)
	require.NoError(t, err)
	if runtime.GOOS != "windows" { // where there are access lists instead
		require.Equal(t, fs.FileMode(0o600), info.Mode())
	}

	t.Run("a requested downgrade does not lower it", func(t *testing.T) {
		require.NoError(t, updater.Apply(w.options(append(opts, updater.AllowDowngrade())...)...))
		w.holds("older")
		w.refuses(trust.ErrRollback, opts...)
	})
	t.Run("a rollback does not lower it", func(t *testing.T) {
		require.NoError(t, updater.Rollback(updater.TargetFile(w.target)))
		w.refuses(trust.ErrRollback, opts...)
	})
	t.Run("a change of keys starts a new memory", func(t *testing.T) {
		require.NoError(t, os.Chtimes(w.target, now, now), "else the journal says what runs")
		both := updater.PublicKeys(1, public(testKey(1)), public(testKey(2)))
		opts := append(opts, updater.RetryFailed("1.2.3"))
		require.NoError(t, updater.Apply(w.options(append(opts, noKey, both)...)...))
		w.holds("older")
	})
}

// The caller gives up after the new binary was installed, and before that is
// remembered: when a directory that cannot be removed is logged. Another process has
// the lock for a moment.
func TestCancelledUpdateThatIsInstalledIsRemembered(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte("older")))
	w.publish("1.3.0", newRelease(t, "1.3.0", []byte(newContent)))
	ctx, cancel := context.WithCancel(t.Context())
	unknown := updater.CurrentVersion("")
	u, err := updater.New(w.options(unknown, updater.Version("1.3.0"),
		updater.HealthCheck(updater.Trial{Func: func(context.Context, string) error {
			return os.MkdirAll(filepath.Join(install.WorkDir(w.target), "partial-"+sum(nil), "x"), 0o700)
		}}),
		updater.Logger(raceLogger{log.Default(), func(line string) {
			if !strings.Contains(line, "could not clean up after an earlier download") {
				return
			}
			cancel()
			root, err := store.OpenRoot(install.WorkDir(w.target))
			require.NoError(t, err)
			lock, err := store.Acquire(root, "store.lock")
			require.NoError(t, err)
			time.AfterFunc(100*time.Millisecond, func() { _ = errors.Join(lock.Release(), root.Close()) })
		}}),
	)...)
	require.NoError(t, err)
	_, err = u.Apply(ctx)
	require.NoError(t, err)
	require.ErrorIs(t, ctx.Err(), context.Canceled)
	w.refuses(trust.ErrRollback, unknown)
}

func TestOlderDocumentOfTheSameVersionIsRefused(t *testing.T) {
	w, _, opts := remembering(t)
	again := newRelease(t, "1.3.0", []byte("first build of 1.3.0"))
	again.doc.Released = again.doc.Released.Add(-time.Second)
	w.publish("1.3.0", again)
	w.refuses(trust.ErrRollback, append(opts, updater.Version("1.3.0"))...)
}

// An expired document must stay so when the clock is set back.
func TestClockSetBackDoesNotReviveADocument(t *testing.T) {
	w := newWorld(t)
	old := newRelease(t, "1.3.0", []byte("expired"))
	old.doc.Expires = now.Add(-time.Second)
	old.doc.Released = now.Add(-48 * time.Hour)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	w.publish("1.3.0", old)
	require.NoError(t, updater.Apply(w.options()...))
	back := updater.Clock(func() time.Time { return now.Add(-time.Hour) })
	err := w.refuses(trust.ErrExpired, back, updater.Version("1.3.0"))
	require.ErrorContains(t, err, "an update was accepted at 2026-11-23T12:00:00Z")

	// An update under the wrong clock does not lower the time that was seen.
	require.NoError(t, updater.Apply(w.options(back)...))
	w.refuses(trust.ErrExpired, back, updater.Version("1.3.0"))
}

func TestErrorsShowAWrongClock(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	for year, hint := range map[int]string{1970: "is the clock right?", 2076: "expired at"} {
		clock := updater.Clock(func() time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) })
		require.ErrorContains(t, w.refuses(trust.ErrExpired, clock), hint)
	}
}

// A damaged memory is not ignored in silence.
func TestDamagedStateIsNotForgotten(t *testing.T) {
	race.Skip(t, "one goroutine reads the damaged state")
	for name, damage := range map[string]func(honest []byte) []byte{
		"truncated":      func(b []byte) []byte { return b[:len(b)/2] },
		"empty":          func([]byte) []byte { return nil },
		"a bit flipped":  func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"another format": stating("format", 2),
		"a wrong type":   stating("trust", 7),
		"data after it":  func(b []byte) []byte { return append(b, "{}"...) },
		"endless":        func(b []byte) []byte { return append(b, bytes.Repeat([]byte(" "), 1<<20)...) },
	} {
		t.Run(name, func(t *testing.T) {
			w, state, unknown := remembering(t)
			honest, err := os.ReadFile(state)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(state, damage(honest), 0o600))

			require.ErrorContains(t, w.refuses(updater.ErrState, unknown...), state)
			w.refuses(trust.ErrRollback, updater.CurrentVersion("1.3.0"))
			require.Contains(t, w.log.String(), "warning: remembered trust is damaged")

			w.publish("1.4.0", newRelease(t, "1.4.0", []byte("newest")))
			require.NoError(t, updater.Apply(w.options(updater.CurrentVersion("1.3.0"), updater.Version("1.4.0"))...))
			w.refuses(trust.ErrRollback, unknown...)
		})
	}
}

// stating returns an undamaged state file with one other field.
func stating(name string, value any) func([]byte) []byte {
	return func([]byte) []byte {
		f := store.Fields{"format": 1}
		f[name] = value
		return store.Format(f)
	}
}

func TestDeletedStateLeavesTheRunningVersionAsFloor(t *testing.T) {
	w, state, _ := remembering(t)
	require.NoError(t, os.RemoveAll(filepath.Dir(state)))
	w.refuses(trust.ErrRollback, updater.CurrentVersion("1.3.0"))
}

func TestStateDirKeepsTargetsApart(t *testing.T) {
	w, dir := newWorld(t), filepath.Join(t.TempDir(), "made", "as needed")
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte("older")))
	w.publish("1.3.0", newRelease(t, "1.3.0", []byte(newContent)))
	opts := []updater.Option{updater.StateDir(dir), updater.CurrentVersion("")}
	require.NoError(t, updater.Apply(w.options(append(opts, updater.Version("1.3.0"))...)...))
	w.refuses(trust.ErrRollback, opts...)
	facts, err := install.Look(w.target, install.Options{})
	require.NoError(t, err)
	require.Empty(t, facts.Memory)

	second := filepath.Join(t.TempDir(), "app")
	require.NoError(t, os.WriteFile(second, []byte(oldContent), 0o755))
	require.NoError(t, updater.Apply(w.options(append(opts, updater.TargetFile(second))...)...))
	states, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, states, 2)
}

// Temporary files of a killed update are removed, but not those that another update
// may be writing.
func TestTemporaryFilesInStateDirAreRemoved(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte("older")))
	w.publish("1.3.0", newRelease(t, "1.3.0", []byte(newContent)))
	require.NoError(t, updater.Apply(w.options(updater.StateDir(dir))...))
	states, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, states, 1)
	at := filepath.Join(dir, states[0].Name())
	suffix := ".write-" + strings.Repeat("A", 26)
	left, other := "memory.json"+suffix, "other.json"+suffix
	for _, name := range []string{left, other} {
		require.NoError(t, os.WriteFile(filepath.Join(at, name), nil, 0o600))
	}
	require.NoError(t, updater.Apply(w.options(updater.StateDir(dir), updater.Version("1.3.0"))...))
	require.FileExists(t, filepath.Join(at, "memory.json"))
	require.NoFileExists(t, filepath.Join(at, left))
	require.FileExists(t, filepath.Join(at, other))
}

func TestStateThatCannotBeWrittenIsLogged(t *testing.T) {
	w := newWorld(t)
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	dir := filepath.Join(t.TempDir(), "state")
	late := updater.Progress(func(updater.ProgressReport) {
		_ = os.WriteFile(dir, nil, 0o600) // a file where the directory should be made
	})
	// The update is installed: it must not be reported as failed.
	require.NoError(t, updater.Apply(w.options(updater.StateDir(dir), late)...))
	w.holds(newContent)
	require.Contains(t, w.log.String(), "could not be remembered")
	w.publish("1.2.4", newRelease(t, "1.2.4", []byte("newer")))
	w.refuses(updater.ErrState, updater.StateDir(dir), updater.Version("1.2.4"))
}

// Each bit of the memory is flipped: that is an error or logged, and never lowers the
// floor in silence.
func TestFlippedStateNeverLowersTheFloor(t *testing.T) {
	race.Skip(t, "one goroutine reads the damaged state")
	w, state, unknown := remembering(t)
	honest, err := os.ReadFile(state)
	require.NoError(t, err)
	u, err := updater.New(w.options(unknown...)...)
	require.NoError(t, err)
	for i := range len(honest) * 8 {
		flipped := bytes.Clone(honest)
		flipped[i/8] ^= 1 << (i % 8)
		require.NoError(t, os.WriteFile(state, flipped, 0o600))
		_, err := u.Check(t.Context())
		require.Error(t, err, "bit %d of byte %d: %q", i%8, i/8, flipped)
	}
}

func TestVersionWithoutOrderDoesNotLowerTheFloor(t *testing.T) {
	w, _, unknown := remembering(t)
	w.publish("nightly", newRelease(t, "nightly", []byte("of tonight")))
	require.NoError(t, updater.Apply(w.options(append(unknown, updater.Version("nightly"))...)...))
	w.refuses(trust.ErrRollback, unknown...)
}

func TestDowngradeToAnOlderDocumentDoesNotLowerTheFloor(t *testing.T) {
	w, _, unknown := remembering(t)
	again := newRelease(t, "1.3.0", []byte("first build of 1.3.0"))
	again.doc.Released = again.doc.Released.Add(-time.Second)
	w.publish("1.3.0", again)
	opts := append(unknown, updater.Version("1.3.0"))
	require.NoError(t, updater.Apply(w.options(append(opts, updater.AllowDowngrade())...)...))
	w.refuses(trust.ErrRollback, opts...)
}

// StateDir may be shared by targets of one path, in two containers, whose locks do not
// exclude each other: what the other installed meanwhile stays the floor (T6).
func TestSharedStateDirKeepsTheHigherVersion(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte("older")))
	w.publish("1.2.4", newRelease(t, "1.2.4", []byte(newContent)))
	state := updater.StateDir(dir)
	require.NoError(t, updater.Apply(w.options(state)...))
	found, err := filepath.Glob(filepath.Join(dir, "*", "memory.json"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	other := updater.HealthCheck(updater.Trial{Func: func(context.Context, string) error {
		raw, err := os.ReadFile(found[0])
		require.NoError(t, err)
		memory, err := store.ParseMemories(raw)
		require.NoError(t, err)
		memory[0] = memory[0].After(store.Installed{Version: "1.9.0", Good: true})
		return os.WriteFile(found[0], memory.Format(), 0o600)
	}})
	require.NoError(t, updater.Apply(w.options(state, other, updater.Version("1.2.4"))...))
	w.publish("1.2.5", newRelease(t, "1.2.5", []byte("newer")))
	w.refuses(trust.ErrRollback, state, updater.Version("1.2.5"), updater.CurrentVersion(""))
}
