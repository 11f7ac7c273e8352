// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recipes returns the blocks of a language of docs/operating.md, for the program at target
// and the judge of the world.
func (w *world) recipes(t *testing.T, language, target string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operating.md"))
	require.NoError(t, err)
	place := strings.NewReplacer("/usr/bin/updater-judge", w.judge, "/opt/agent/agent", target, "/opt/agent", filepath.Dir(target))
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		found = append(found, place.Replace(m[1]))
	}
	return found
}

// setting returns the value of a line of a unit.
func setting(t *testing.T, unit, key string) string {
	t.Helper()
	m := regexp.MustCompile("(?m)^"+key+"=(.*)$").FindAllStringSubmatch(unit, -1)
	require.Len(t, m, 1, "%s in\n%s", key, unit)
	return m[0][1]
}

// The units and the entry point that the document shows make a broken release go away.
func TestDocumentedRecipes(t *testing.T) {
	w := newWorld(t)
	target := w.install(t)
	units := w.recipes(t, "ini", target)
	require.Len(t, units, 2)
	start := []string{setting(t, units[0], "ExecStart")}
	recipes := map[string]func(t *testing.T) (pre []string){
		"the entry point": func(t *testing.T) []string {
			scripts := w.recipes(t, "shell", target)
			require.Len(t, scripts, 1)
			require.NoError(t, os.WriteFile(target+"-start", []byte(scripts[0]), 0o755))
			return nil
		},
	}
	for name, unit := range map[string]string{"the unit": units[0], "the unit with the backup": units[1]} {
		recipes[name] = func(t *testing.T) []string {
			pre, ignored := strings.CutPrefix(setting(t, unit, "ExecStartPre"), "-")
			require.True(t, ignored, "the program is started whatever the judge says")
			require.NotContains(t, pre, "+")
			return strings.Fields(pre)
		}
	}
	for name, recipe := range recipes {
		t.Run(name, func(t *testing.T) {
			command(t, "cp", "--remove-destination", w.programs[good], target)
			require.NoError(t, os.RemoveAll(filepath.Join(filepath.Dir(target), ".agent.update")))
			w.update(t, target, "2.0.1", "1")
			unit := newSupervisor(recipe(t), start)
			if unit.pre == nil {
				unit.pre, unit.start = []string{"true"}, []string{"sh", target + "-start"}
			}
			require.Equal(t, 2, unit.untilReady(t, 4), "%s", &unit.output)
			w.requireVersion(t, good, target)
		})
	}
	t.Run("systemd knows each line", func(t *testing.T) {
		analyze, err := exec.LookPath("systemd-analyze")
		if err != nil {
			t.Skip("NOT PROVEN: needs systemd-analyze")
		}
		unit := filepath.Join(t.TempDir(), "agent.service")
		require.NoError(t, os.WriteFile(unit, []byte(units[0]), 0o600))
		out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", "--recursive-errors=no", unit).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.NotContains(t, string(out), "agent.service:", "%s", out)
	})
}
