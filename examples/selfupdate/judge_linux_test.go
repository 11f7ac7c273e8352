// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/choria-io/go-updater/internal/install"
	"github.com/choria-io/go-updater/internal/testing/faults"
)

// theJudge is the command updater-judge.
var theJudge = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(worldDir, "updater-judge")
	cmd := exec.Command("go", "build", "-trimpath", "-o", bin, "github.com/choria-io/go-updater/cmd/updater-judge")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return bin, nil
})

func newJudge(t *testing.T) string {
	t.Helper()
	judge, err := theJudge()
	require.NoError(t, err)
	return judge
}

// onProbation returns a target with the new version, which was not started yet.
func (w *world) onProbation(t *testing.T) (target string) {
	t.Helper()
	target = w.install(t, t.TempDir())
	w.stop(t, target, "2.0.0")
	s, err := install.Begin(t.Context(), target, install.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.True(t, w.facts(t, target).Probation)
	return target
}

func (w *world) facts(t *testing.T, target string) install.Facts {
	t.Helper()
	facts, err := install.Look(target, install.Options{})
	require.NoError(t, err)
	return facts
}

// The judge is killed before every file-system call while it gives a version up. The
// target is complete, the next judge finishes, and the version is not installed again.
func TestKillJudge(t *testing.T) {
	t.Parallel()
	w, judge := newWorld(t), newJudge(t)
	failing := w.onProbation(t)
	for range 3 {
		start(t, judge, failing)
		time.Sleep(1100 * time.Millisecond) // starts within a second are one
	}
	require.Equal(t, 3, w.facts(t, failing).Starts)
	sweep(t, 15, func(t *testing.T, n int) int {
		target := copyOf(t, failing)
		res := w.traceOf(t, faults.At(n, faults.Kill), target, judge, target)
		what := fmt.Sprint("killed before ", last(res))
		w.requireComplete(t, target, what)
		// The start of the killed judge may have been counted, or not.
		if w.facts(t, target).Probation {
			time.Sleep(1100 * time.Millisecond)
		}
		start(t, judge, target)
		require.Equal(t, "1.0.0", w.requireComplete(t, target, what), what)
		w.requireRecovers(t, target, "1.0.0", what)
		failed := w.facts(t, target).Failed
		require.Len(t, failed, 1, what)
		require.True(t, failed[0].GivenUp() && failed[0].Version == "2.0.0", what)
		w.requireNoLeftovers(t, target, what)
		return len(res.Calls)
	})
}

// together starts n processes at the same time, each of which runs the commands one after
// the other. They print nothing but their version, and that it is on probation.
func together(t *testing.T, n int, commands ...[]string) {
	t.Helper()
	var all sync.WaitGroup
	begin, failed := make(chan struct{}), make(chan error, n*len(commands))
	for range n {
		all.Go(func() {
			<-begin
			for _, c := range commands {
				out, err := exec.CommandContext(t.Context(), c[0], c[1:]...).CombinedOutput()
				if err != nil || trouble.Match(out) {
					failed <- fmt.Errorf("%v: %s", err, out)
				}
			}
		})
	}
	close(begin)
	all.Wait()
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
}

var trouble = regexp.MustCompile(`selfupdate:|warning|error`)

// Many processes of a healthy version on probation start at once. It stays.
func TestD4_ParallelStartsOnProbation(t *testing.T) {
	w, judge := newWorld(t), newJudge(t)
	updated := w.onProbation(t)
	for name, tc := range map[string]struct {
		processes, rounds int
		commands          func(target string) [][]string
	}{
		"16 processes":           {16, 100, func(target string) [][]string { return [][]string{{target}} }},
		"16, each with a judge":  {16, 100, func(target string) [][]string { return [][]string{{judge, target}, {target}} }},
		"64 processes":           {64, 5, func(target string) [][]string { return [][]string{{target}} }},
		"64, each with a judge":  {64, 5, func(target string) [][]string { return [][]string{{judge, target}, {target}} }},
		"64 judges, one program": {64, 5, func(target string) [][]string { return [][]string{{judge, target}} }},
	} {
		t.Run(name, func(t *testing.T) {
			for round := range tc.rounds {
				target := copyOf(t, updated)
				together(t, tc.processes, tc.commands(target)...)
				if name == "64 judges, one program" {
					together(t, 1, []string{target})
				}
				require.Equal(t, "2.0.0", w.requireComplete(t, target, name), "round %d", round)
				facts := w.facts(t, target)
				require.False(t, facts.Probation, "round %d", round)
				require.Empty(t, facts.Failed, "round %d", round)
				w.requireNoLeftovers(t, target, name)
				require.NoError(t, os.RemoveAll(filepath.Dir(target)))
			}
		})
	}
}

// Many processes start, and no update is going on: none writes or locks anything.
func TestD5_ParallelStartsWriteNothing(t *testing.T) {
	w, judge := newWorld(t), newJudge(t)
	for name, prepare := range map[string]func(t *testing.T) (target string){
		"never updated": func(t *testing.T) string { return w.install(t, t.TempDir()) },
		"updated": func(t *testing.T) string {
			target := w.install(t, t.TempDir())
			start(t, target, "update", "2.0.0")
			return target
		},
		"rolled back": func(t *testing.T) string {
			target := w.install(t, t.TempDir())
			start(t, target, "update", "2.0.0")
			start(t, target, "rollback")
			return target
		},
	} {
		t.Run(name, func(t *testing.T) {
			target := prepare(t)
			requireNothingWritten := watchForWrites(t, filepath.Dir(target))
			together(t, 64, []string{target}, []string{judge, target})
			requireNothingWritten()
		})
	}
}

// watchForWrites returns a function that requires that nothing was created, opened for
// writing, changed or removed in dir and the private directory in it, not even for a
// moment.
func watchForWrites(t *testing.T, dir string) func() {
	t.Helper()
	inbox, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	require.NoError(t, err)
	const changes = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_MOVE | unix.IN_CLOSE_WRITE | unix.IN_MOVE_SELF
	for _, d := range []string{dir, filepath.Join(dir, ".selfupdate.update")} {
		if _, err := unix.InotifyAddWatch(inbox, d, changes); !errors.Is(err, os.ErrNotExist) {
			require.NoError(t, err)
		}
	}
	read := func() int {
		n, err := unix.Read(inbox, make([]byte, 4096))
		if !errors.Is(err, unix.EAGAIN) {
			require.NoError(t, err)
		}
		return max(n, 0)
	}
	probe := filepath.Join(dir, "probe")
	require.NoError(t, os.WriteFile(probe, nil, 0o600))
	require.NoError(t, os.Remove(probe))
	require.Positive(t, read(), "it would be noticed")
	return func() {
		require.Zero(t, read(), "something was written")
		require.NoError(t, unix.Close(inbox))
	}
}
