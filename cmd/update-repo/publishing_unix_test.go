// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPublishingDocsWork: tuf.txtar runs the commands in the TUF section of
// docs/publishing.md in the same order. Only the source of the passphrase differs.
func TestPublishingDocsWork(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "publishing.md"))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(doc), "\n## TUF")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var documented []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		documented = append(documented, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	require.Greater(t, len(documented), 18)

	script, err := os.ReadFile(filepath.Join("testdata", "script", "tuf.txtar"))
	require.NoError(t, err)
	run := 0
	for line := range strings.Lines(string(script)) {
		line = strings.TrimSuffix(strings.TrimSpace(line), " --passphrase-file passphrase")
		line = strings.TrimSuffix(line, " --no-passphrase")
		line = strings.TrimPrefix(strings.TrimPrefix(line, "exits 0 "), "exec ")
		if run < len(documented) && line == documented[run] {
			run++
		}
	}
	require.Equal(t, len(documented), run, "the script does not run, in this order: %v", documented[run:])
}
