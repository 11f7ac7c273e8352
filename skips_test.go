// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each skip says whether something was not proven on this machine, or does not apply
// to this system. CI reports the former as not checked.
func TestSkipsAreLoud(t *testing.T) {
	skip := regexp.MustCompile(`\b(?:t|tb|f|b)\.Skip(?:f|Now)?\(.*|^(?:\[[^]]*\] *)*skip\b.*`)
	loud := regexp.MustCompile(`^(?:\w+\.Skipf?\("|(?:\[[^]]*\] *)+skip ')NOT (?:PROVEN|APPLICABLE): `)
	found := 0
	root := os.DirFS(".")
	require.NoError(t, fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		script := strings.HasSuffix(name, ".txtar")
		test := strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "internal/testing/") && strings.HasSuffix(name, ".go")
		if err != nil || !test && !script || strings.HasPrefix(name, "internal/testing/race/") {
			return err
		}
		text, err := fs.ReadFile(root, name)
		for number, line := range strings.Split(string(text), "\n") {
			if call := skip.FindString(line); call != "" && script == !strings.Contains(call, ".Skip") {
				found++
				assert.Regexp(t, loud, call, "%s:%d", name, number+1)
			}
		}
		return err
	}))
	require.Greater(t, found, 60)
}
