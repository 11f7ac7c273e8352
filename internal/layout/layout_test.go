// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package layout_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/layout"
)

func TestReleaseNames(t *testing.T) {
	r := layout.Release{Version: "1.2.3+b", OS: "linux", Arch: "amd64"}
	require.Equal(t, "1.2.3+b/linux/amd64/release.json", r.Document())
	require.Equal(t, "1.2.3+b/linux/amd64/sub/app.zst", r.File("sub/app.zst"))
	require.Equal(t, "app-linux-amd64-1.2.3+b.zst", r.ArtifactName("app", ".zst"))
	require.Equal(t, "metadata/timestamp.json", layout.Metadata("timestamp.json"))
	require.Equal(t, "1/linux/amd64/ab.release.json", layout.Hashed("1/linux/amd64/release.json", "ab"))
	require.Equal(t, "ab.release.json", layout.Hashed("release.json", "ab"))
}

func TestParseDocument(t *testing.T) {
	r := layout.Release{Version: "1.2.3", OS: "linux", Arch: "amd64"}
	again, ok := layout.ParseDocument(r.Document())
	require.True(t, ok)
	require.Equal(t, r, again)
	for _, name := range []string{
		"", "release.json", "linux/amd64/release.json", "1/linux/amd64/other.json", "1/linux/amd64/x/release.json",
		"/linux/amd64/release.json", "1//amd64/release.json", "../linux/amd64/release.json", "1/./amd64/release.json",
	} {
		_, ok := layout.ParseDocument(name)
		require.False(t, ok, name)
	}
}

func TestURL(t *testing.T) {
	for base, want := range map[string]string{
		"https://example.net":             "https://example.net/1.0%2Bx/release.json",
		"https://example.net/":            "https://example.net/1.0%2Bx/release.json",
		"https://u:p@example.net/a b?q=1": "https://u:p@example.net/a%20b/1.0%2Bx/release.json?q=1",
		"https://example.net/a%2F":        "https://example.net/a%2F/1.0%2Bx/release.json",
		"https://example.net/a%2f":        "https://example.net/a%2f/1.0%2Bx/release.json",
		"https://example.net/a%20":        "https://example.net/a%20/1.0%2Bx/release.json",
		"file:///srv/repo":                "file:///srv/repo/1.0%2Bx/release.json",
	} {
		u, err := layout.ParseURL(base)
		require.NoError(t, err, base)
		before := u.String()
		require.Equal(t, want, layout.URL(u, "1.0+x/release.json").String())
		require.Equal(t, before, u.String(), "the base URL is not changed")
	}
}

func TestParseURLErrorsDoNotQuoteTheURL(t *testing.T) {
	for _, s := range []string{"", "secret", "ftp://u:secret@example.net", "https://", "https:///secret", "https://u:secret@[", "::secret"} {
		_, err := layout.ParseURL(s)
		require.ErrorIs(t, err, layout.ErrURL, s)
		require.False(t, strings.Contains(err.Error(), "secret"))
	}
}
