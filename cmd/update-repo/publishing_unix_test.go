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

// TestPublishingDocsWork: the way to a TUF repository in docs/publishing.md is
// the one that a script goes, which differs from a person in where the
// passphrase comes from, or has none.
func TestPublishingDocsWork(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "publishing.md"))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(doc), "\n## TUF")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var told []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		told = append(told, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	require.Greater(t, len(told), 18)

	script, err := os.ReadFile(filepath.Join("testdata", "script", "tuf.txtar"))
	require.NoError(t, err)
	played := 0
	for line := range strings.Lines(string(script)) {
		line = strings.TrimSuffix(strings.TrimSpace(line), " --passphrase-file passphrase")
		line = strings.TrimSuffix(line, " --no-passphrase")
		line = strings.TrimPrefix(strings.TrimPrefix(line, "exits 0 "), "exec ")
		if played < len(told) && line == told[played] {
			played++
		}
	}
	require.Equal(t, len(told), played, "the script does not play, in this order: %v", told[played:])
}
