// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// judges are the two that docs/operating.md has: how ExecStartPre of its units begins.
var judges = map[string]func(w *world, target string) []string{
	"updater-judge": func(w *world, target string) []string { return []string{w.judge, target} },
	"the backup":    func(_ *world, target string) []string { return []string{target + ".backup", "updater-judge", target} },
}

// Releases that crash before or soon after their first line, hang, or do not start at all
// go away. No line of theirs contributes: they do not even link the updater.
func TestD6_BrokenReleasesGoAway(t *testing.T) {
	w := newWorld(t)
	for name, tc := range map[string]struct {
		version string
		limit   string
		starts  int           // until the version before runs again
		pass    time.Duration // of the machine's clock, with each start
	}{
		"segfault in init":                         {version: "2.0.1", limit: "2", starts: 3},
		"exit 1 after two seconds":                 {version: "2.0.2", limit: "2", starts: 3},
		"hang at start":                            {version: "2.0.3", limit: "1", starts: 2},
		"missing loader":                           {version: "2.0.4", limit: "1", starts: 2},
		"crash after nine minutes, by its starts":  {version: "2.0.5", limit: "2", starts: 3, pass: 9 * time.Minute},
		"crash after nine minutes, after 20 of it": {version: "2.0.5", limit: "20m", starts: 4, pass: 9 * time.Minute},
	} {
		require.NotContains(t, string(w.bytes[tc.version]), "go-updater/internal")
		for by, pre := range judges {
			t.Run(name+"/"+by, func(t *testing.T) {
				t.Parallel()
				target := w.install(t)
				w.update(t, target, tc.version, tc.limit)
				unit := newSupervisor(pre(w, target), []string{target})
				if unit.pass = tc.pass; unit.pass > 0 {
					if out, err := exec.CommandContext(t.Context(), "unshare", "--time", "--boottime", "0", "true").CombinedOutput(); err != nil {
						t.Skipf("NOT PROVEN: needs root and time namespaces: %s", out)
					}
				}
				require.Equal(t, tc.starts, unit.untilReady(t, 8), "%s", &unit.output)
				w.requireVersion(t, good, target)
				require.Contains(t, unit.output.String(), `gave a version up that was not confirmed, the one before is back version="`+tc.version+`"`)
				require.Contains(t, unit.output.String(), `back="1.0.0"`)
				require.Equal(t, []string{".agent.update", "agent", "journal.json"}, files(t, target))

				out, err := exec.CommandContext(t.Context(), target, "update", tc.version, tc.limit).CombinedOutput()
				require.Error(t, err)
				require.Contains(t, string(out), "this release failed here before")
				w.requireVersion(t, good, target)

				w.update(t, target, better, "3")
				require.Equal(t, 1, unit.untilReady(t, 1))
				w.requireVersion(t, better, target)
			})
		}
	}
}

// The backup puts itself back only if it is the file that the journal names.
func TestJudgeChecksTheBackup(t *testing.T) {
	w := newWorld(t)
	for by, pre := range judges {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			target := w.install(t)
			w.update(t, target, "2.0.1", "1")
			// Another agent, which would work as well.
			command(t, "cp", "--remove-destination", w.programs[better], target+".backup")
			unit := newSupervisor(pre(w, target), []string{target})
			for range 3 {
				_ = unit.command(t.Context(), unit.pre).Run()
				time.Sleep(unit.restart)
			}
			w.requireVersion(t, "2.0.1", target)
			w.requireVersion(t, better, target+".backup")
			require.Equal(t, 1, strings.Count(unit.output.String(), "is not the file that was replaced"), "%s", &unit.output)
		})
	}
}

// The journal says whether the backup has the judge.
func TestJournalNamesTheJudge(t *testing.T) {
	w := newWorld(t)
	target := w.install(t)
	w.update(t, target, better, "3")
	require.Contains(t, journal(t, target), `"judge":true`)
}

// A healthy version that is judged with each start stays.
func TestHealthyVersionStays(t *testing.T) {
	w := newWorld(t)
	target := w.install(t)
	w.update(t, target, better, "1")
	unit := newSupervisor([]string{w.judge, target}, []string{target})
	for range 3 {
		require.Equal(t, 1, unit.untilReady(t, 1))
	}
	w.requireVersion(t, better, target)
	require.False(t, bytes.Contains(unit.output.Bytes(), []byte("error")), "%s", &unit.output)
}
