// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/term"
	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
)

// TestHelpTopicsAreComplete: each exit code, variable and format of the code is in
// the help topic about it.
func TestHelpTopicsAreComplete(t *testing.T) {
	for _, code := range []int{term.ExitOK, term.ExitFailed, term.ExitMisuse, term.ExitInterrupted, term.ExitSignal + 15} {
		require.Regexp(t, fmt.Sprintf(`(?m)^%d +[A-Z]`, code), exitCodesHelp)
	}
	for _, e := range repository.Encodings() {
		require.Regexp(t, `(?m)^  `+e+` `, formatsHelp)
	}
	for _, f := range []keys.PrivateFormat{keys.Sigstore, keys.PKCS8, keys.OpenSSH, keys.Minisign} {
		tool, _, _ := strings.Cut(string(f), "-")
		require.Contains(t, strings.ReplaceAll(strings.ToLower(formatsHelp), "pkcs#8", "pkcs8"), tool)
	}

	variable := regexp.MustCompile(`os\.(?:Getenv|LookupEnv)\("(\w+)"\)`)
	found := 0
	for _, dir := range []string{".", "../../internal/term", "../../keys", "../../repository", "../../signing"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			for _, m := range variable.FindAllSubmatch(text, -1) {
				found++
				require.Contains(t, environmentHelp, string(m[1]), name)
			}
		}
	}
	require.GreaterOrEqual(t, found, 5)
}
