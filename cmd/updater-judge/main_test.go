// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	program := filepath.Join(t.TempDir(), "agent")
	require.NoError(t, os.WriteFile(program, []byte("a program"), 0o755))
	for name, tc := range map[string]struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		"nothing to do":    {[]string{program}, 0, "", ""},
		"json":             {[]string{"--json", program}, 0, `{"finished":false,"undone":false,"restored":false,"failed":"","back":"","starts":0,"limit":0}` + "\n", ""},
		"help":             {[]string{"--help"}, 0, usage, ""},
		"no program":       {nil, 2, "", "updater-judge: error: exactly one PROGRAM is wanted (see --help)\n"},
		"an empty path":    {[]string{""}, 2, "", "updater-judge: error: exactly one PROGRAM is wanted (see --help)\n"},
		"two programs":     {[]string{program, program}, 2, "", "updater-judge: error: exactly one PROGRAM is wanted (see --help)\n"},
		"a flag too late":  {[]string{program, "--json"}, 2, "", "updater-judge: error: exactly one PROGRAM is wanted (see --help)\n"},
		"an unknown flag":  {[]string{"--force", program}, 2, "", "updater-judge: error: flag provided but not defined: -force\n"},
		"no such program":  {[]string{program + "x"}, 1, "", "no such file"},
		"not a program":    {[]string{filepath.Dir(program)}, 1, "", "not a regular file"},
		"version and more": {[]string{"--version", program}, 0, "updater-judge " + version() + "\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, tc.code, run(t.Context(), tc.args, &stdout, &stderr), "%s", &stderr)
			require.Equal(t, tc.stdout, stdout.String())
			if tc.stderr == "" {
				require.Empty(t, stderr.String())
			}
			require.Contains(t, stderr.String(), tc.stderr)
			entries, err := os.ReadDir(filepath.Dir(program))
			require.NoError(t, err)
			require.Len(t, entries, 1, "nothing is written")
		})
	}
}
