// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"bytes"
	"context"
	"log"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/store"
)

// machine is a clock of a machine that runs.
type machine struct{ up time.Duration }

func (m *machine) boot() updater.Option {
	return updater.Boot(func() time.Duration { return m.up })
}

// start is a start of the target: the judge, and Recover if the version comes to that.
func (m *machine) start(t *testing.T, w *world, recovers bool) *updater.Recovery {
	t.Helper()
	r, err := updater.Judge(t.Context(), updater.TargetFile(w.target), m.boot())
	require.NoError(t, err)
	if recovers {
		_, err := updater.Recover(updater.TargetFile(w.target), m.boot(), updater.NewProcess())
		require.NoError(t, err)
	}
	return r
}

// A release that never gets to its Recover, and one that does: a start counts once.
func TestJudgeGivesAReleaseUp(t *testing.T) {
	for name, recovers := range map[string]bool{"that crashes at once": false, "that recovers, too": true} {
		t.Run(name, func(t *testing.T) {
			w, m := newWorld(t), machine{time.Hour}
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			require.NoError(t, updater.Apply(w.options(updater.Probation(2))...))
			for start := 1; start <= 2; start++ {
				require.Equal(t, &updater.Recovery{Starts: start, Limit: 2}, m.start(t, w, recovers))
				w.holds(newContent)
				m.up += 5 * time.Second
			}
			require.Equal(t, &updater.Recovery{Restored: true, Failed: "1.2.3", Back: "1.2.2", Starts: 3, Limit: 2}, m.start(t, w, false))
			w.holds(oldContent)
			require.Equal(t, &updater.Recovery{}, m.start(t, w, recovers))
			require.ErrorIs(t, updater.Apply(w.options()...), updater.ErrFailedBefore)

			w.publish("1.2.4", newRelease(t, "1.2.4", []byte("good")))
			require.NoError(t, updater.Apply(w.options(updater.Version("1.2.4"), updater.Probation(1))...))
			m.start(t, w, true)
			require.NoError(t, updater.Confirm(updater.TargetFile(w.target)))
			m.start(t, w, true)
			w.holds("good")
		})
	}
}

// Time on probation is that of the machine, from the first start on.
func TestProbationTime(t *testing.T) {
	const minute = time.Minute
	for name, tc := range map[string]struct {
		limit  time.Duration
		starts []time.Duration // the clock of the machine at each start; a lower one is after a boot
		stays  int             // starts
	}{
		"a crash each nine minutes":             {20 * minute, []time.Duration{50 * minute, 59 * minute, 68 * minute, 77 * minute}, 3},
		"exactly the time is not too long":      {20 * minute, []time.Duration{minute, 21 * minute, 21*minute + time.Second}, 2},
		"a week switched off is no time":        {20 * minute, []time.Duration{50 * minute, minute, 2 * minute, 20 * minute, 21*minute + time.Second}, 4},
		"a clock that stands still":             {20 * minute, []time.Duration{0, 0, 0, 0, 0}, 5},
		"many starts in a short time are none":  {20 * minute, []time.Duration{1 * minute, 2 * minute, 3 * minute, 4 * minute, 5 * minute, 6 * minute}, 6},
		"one start late after the first is one": {20 * minute, []time.Duration{minute, 2000 * minute}, 1},
	} {
		for _, recovers := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w, m := newWorld(t), machine{}
				w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
				require.NoError(t, updater.Apply(w.options(updater.ProbationTime(tc.limit))...))
				for i, at := range tc.starts {
					m.up = at
					r := m.start(t, w, recovers)
					require.Equal(t, i >= tc.stays, r.Restored, "start %d", i+1)
				}
				w.holds(map[bool]string{true: newContent, false: oldContent}[tc.stays == len(tc.starts)])
			})
		}
	}
}

func TestProbationTimeIsLogged(t *testing.T) {
	w, m := newWorld(t), machine{time.Minute}
	w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
	require.NoError(t, updater.Apply(w.options(updater.ProbationTime(time.Minute))...))
	var out bytes.Buffer
	_, err := updater.Judge(t.Context(), updater.TargetFile(w.target), m.boot(), updater.Logger(log.New(&out, "", 0)))
	require.NoError(t, err)
	require.Equal(t, "a new version is on probation start=\"1\"\n", out.String())
	out.Reset()
	m.up = time.Hour
	_, err = updater.Judge(t.Context(), updater.TargetFile(w.target), m.boot(), updater.Logger(log.New(&out, "", 0)))
	require.NoError(t, err)
	require.Equal(t, "warning: gave a version up that was not confirmed, the one before is back version=\"1.2.3\" starts=\"1\" back=\"1.2.2\"\n", out.String())
}

// What does not keep the program from being started is logged, and no error.
func TestJudgeWithAProblem(t *testing.T) {
	for name, tc := range map[string]struct {
		damage func(w *world) error
		says   string
	}{
		"no backup":         {func(w *world) error { return os.Remove(w.target + ".backup") }, "no backup to go back to"},
		"a damaged journal": {func(w *world) error { return os.WriteFile(install.JournalPath(w.target), []byte("{"), 0o600) }, "journal"},
		"a journal that another process changes": {func(w *world) error {
			root, err := store.OpenRoot(install.WorkDir(w.target))
			require.NoError(w.t, err)
			lock, err := store.Acquire(root, "journal.lock")
			w.t.Cleanup(func() {
				require.NoError(w.t, lock.Release())
				require.NoError(w.t, root.Close())
			})
			return err
		}, "another update of this file is running"},
		"an update that runs": {func(w *world) error {
			s, err := install.Begin(w.t.Context(), w.target, install.Options{})
			w.t.Cleanup(func() { require.NoError(w.t, s.Close()) })
			return err
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, m := newWorld(t), machine{time.Hour}
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			require.NoError(t, updater.Apply(w.options(updater.Probation(1))...))
			m.start(t, w, true)
			require.NoError(t, tc.damage(w))
			m.up += time.Minute
			var out bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := updater.Judge(ctx, updater.TargetFile(w.target), m.boot(), updater.Logger(log.New(&out, "", 0)))
			require.NoError(t, err)
			require.Contains(t, out.String(), tc.says)
			w.holds(newContent)
		})
	}
}

func TestJudgeOfNothing(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	_, err := updater.Judge(t.Context(), updater.TargetFile(missing))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = updater.Judge(t.Context(), updater.TargetFile(""))
	require.ErrorIs(t, err, updater.ErrConfig)
	w := newWorld(t)
	before := w.snapshot()
	r, err := updater.Judge(t.Context(), updater.TargetFile(w.target))
	require.NoError(t, err)
	require.Equal(t, &updater.Recovery{}, r)
	require.Equal(t, before, w.snapshot())
}

// Only arguments ask for a judge, and of nothing else than the path that they name.
func TestJudgeIfAsked(t *testing.T) {
	t.Setenv("UPDATER_JUDGE", "1")
	for name, tc := range map[string]struct {
		args  func(target string) []string
		asked bool
		err   error
	}{
		"no arguments":              {func(string) []string { return nil }, false, nil},
		"the program alone":         {func(string) []string { return []string{"agent"} }, false, nil},
		"another argument":          {func(p string) []string { return []string{"agent", "run", p} }, false, nil},
		"not the first argument":    {func(p string) []string { return []string{"agent", "run", updater.JudgeArgument, p} }, false, nil},
		"as the program's name":     {func(p string) []string { return []string{updater.JudgeArgument, p} }, false, nil},
		"asked":                     {func(p string) []string { return []string{"agent", updater.JudgeArgument, p} }, true, nil},
		"asked, with a forged name": {func(p string) []string { return []string{p, updater.JudgeArgument, p} }, true, nil},
		"without a path":            {func(string) []string { return []string{"agent", updater.JudgeArgument} }, true, updater.ErrConfig},
		"with an empty path":        {func(string) []string { return []string{"agent", updater.JudgeArgument, ""} }, true, updater.ErrConfig},
		"with two paths":            {func(p string) []string { return []string{"agent", updater.JudgeArgument, p, p} }, true, updater.ErrConfig},
		"of what is not there":      {func(p string) []string { return []string{"agent", updater.JudgeArgument, p + "x"} }, true, os.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
			require.NoError(t, updater.Apply(w.options(updater.Probation(1))...))
			before := w.snapshot()
			args := tc.args(w.target)
			if name == "asked, with a forged name" {
				defer func(was string) { os.Args[0] = was }(os.Args[0])
				os.Args[0] = w.target
			}
			asked, err := updater.JudgeIfAsked(args, updater.TargetFile("another"), updater.Logger(log.New(os.Stderr, "", 0)))
			require.Equal(t, tc.asked, asked)
			require.ErrorIs(t, err, tc.err)
			facts, lookErr := install.Look(w.target, install.Options{})
			require.NoError(t, lookErr)
			if tc.asked && tc.err == nil {
				require.Equal(t, 1, facts.Starts)
			} else {
				require.Equal(t, before, w.snapshot())
			}
		})
	}
}

func TestActsAsJudgeIsRecorded(t *testing.T) {
	for _, acts := range []bool{false, true} {
		w := newWorld(t)
		w.publish("1.2.3", newRelease(t, "1.2.3", []byte(newContent)))
		opts := w.options(updater.Probation(1))
		if acts {
			opts = append(opts, updater.ActsAsJudge())
		}
		require.NoError(t, updater.Apply(opts...))
		facts, err := install.Look(w.target, install.Options{})
		require.NoError(t, err)
		require.Equal(t, acts, facts.Judge)
	}
}
