// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf/publish"
)

const tufJS = "tuf-js@5.0.1"

// installTUFJS installs the other implementation in the user's cache, outside of the
// repository.
func installTUFJS(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT PROVEN: tuf-js is run once, not under the race detector")
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("NOT PROVEN: tuf-js 5.0.1 was not tried on what we publish: %s is not installed", program)
		}
	}
	// The versions that its package.json names.
	old := `const [a, b] = process.versions.node.split('.').map(Number); process.exit(a > 22 || a === 22 && b >= 9 || a === 20 && b >= 17 ? 0 : 1)`
	if exec.CommandContext(t.Context(), "node", "-e", old).Run() != nil {
		t.Skip("NOT PROVEN: tuf-js 5.0.1 was not tried on what we publish: node is older than it needs")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	dir := filepath.Join(cache, "go-updater-tests", tufJS)
	installed := filepath.Join(dir, "node_modules", "tuf-js", "package.json")
	if _, err := os.Stat(installed); err == nil {
		return dir
	}
	// Renamed into place, so that it is complete.
	require.NoError(t, os.MkdirAll(filepath.Dir(dir), 0o755))
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	require.NoError(t, err)
	defer os.RemoveAll(fresh)
	npm := exec.CommandContext(t.Context(), "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", fresh, tufJS)
	if out, err := npm.CombinedOutput(); err != nil {
		t.Skipf("NOT PROVEN: tuf-js 5.0.1 was not tried on what we publish: npm cannot install it: %s", out)
	}
	if err := os.Rename(fresh, dir); err != nil {
		require.FileExists(t, installed, "another test was first")
	}

	return dir
}

// jsClient is a client with its memory.
type jsClient struct{ modules, url, state string }

func newJSClient(t *testing.T, modules, url, repo string) *jsClient {
	t.Helper()
	c := &jsClient{modules, url, t.TempDir()}
	for _, dir := range []string{"metadata", "targets"} {
		require.NoError(t, os.Mkdir(filepath.Join(c.state, dir), 0o755))
	}
	root, err := os.ReadFile(filepath.Join(repo, layout.MetadataDir, "1.root.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(c.state, "metadata", "root.json"), root, 0o644))

	return c
}

func (c *jsClient) download(t *testing.T, target string) (content, failure string) {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("testdata", "tuf-js", "client.cjs"))
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "node", script, c.modules, c.url, c.state, target)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		require.NotEmpty(t, stderr.String())
		return "", stderr.String()
	}
	raw, err := os.ReadFile(strings.TrimSpace(string(out)))
	require.NoError(t, err)

	return string(raw), ""
}

// TestTUFJS lets an implementation that shares no code with ours read what we publish.
// It uses the clock of the machine.
func TestTUFJS(t *testing.T) {
	modules := installTUFJS(t)
	dir := t.TempDir()
	r := create(t, dir)
	clock := time.Now()
	draftedAt(t, r, clock)
	require.NoError(t, signRoot(t.Context(), t, r))
	refresh := func(seeds ...byte) {
		_, err := r.RefreshTUF(t.Context(), RefreshTUFRequest{TUF: tufWith(t, seeds...), Now: clock})
		require.NoError(t, err)
	}
	refresh(targetsSeed, releaseSeed, onlineSeed)
	add := func(version string, seed int64, online byte) {
		req := request(t, seed)
		req.Version, req.Now, req.Expires, req.Force, req.TUF = version, clock, clock.AddDate(1, 0, 0), true, tufWith(t, online)
		_, err := r.Add(t.Context(), req)
		require.NoError(t, err)
	}
	add("1.2.3", 1, onlineSeed)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	const target = "1.2.3/linux/amd64/release.json"
	published := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(raw)
	}

	c := newJSClient(t, modules, server.URL, dir)
	got, failure := c.download(t, target)
	require.Empty(t, failure)
	require.Equal(t, published(target), got)
	_, failure = c.download(t, "9.9.9/linux/amd64/release.json")
	require.Contains(t, failure, "no such target")

	// The online key changes, a release is replaced, another comes.
	_, err := r.RotateTUF(t.Context(), TUF{}, publish.Rotation{
		Roles: []string{publish.Snapshot, publish.Timestamp}, Now: clock,
		Remove: []string{publish.KeyID(keyOfSeed(t, onlineSeed)[0])}, Add: keyOfSeed(t, 77),
	})
	require.NoError(t, err)
	root, _ := seeded(t, rootSeed)
	_, err = r.SignTUF(t.Context(), SignTUFRequest{Signer: root, Now: clock, TUF: tufWith(t, 77)})
	require.NoError(t, err)
	add("1.2.3", 10, 77)
	add("1.2.4", 20, 77)
	for _, client := range []*jsClient{c, newJSClient(t, modules, server.URL, dir)} {
		for _, name := range []string{target, "1.2.4/windows/arm64/release.json"} {
			got, failure = client.download(t, name)
			require.Empty(t, failure)
			require.Equal(t, published(name), got)
		}
	}

	t.Run("changed files are refused", func(t *testing.T) {
		view := tufView(t, dir, "")
		copied := filepath.Join(dir, view[target].Copy(target))
		sound := published(view[target].Copy(target))
		require.NoError(t, os.WriteFile(copied, []byte(strings.Replace(sound, "choria", "cholera", 1)), 0o644))
		_, failure := c.download(t, target)
		require.NotEmpty(t, failure)
		require.NoError(t, os.WriteFile(copied, []byte(sound), 0o644))
		_, failure = c.download(t, target)
		require.Empty(t, failure)
		for _, role := range []string{publish.TimestampFile, "2.root.json"} {
			name := filepath.Join(layout.MetadataDir, role)
			sound := published(name)
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(strings.Replace(sound, `"version":`, `"version":1`, 1)), 0o644))
			_, failure = newJSClient(t, modules, server.URL, dir).download(t, target)
			require.NotEmpty(t, failure, role)
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(sound), 0o644))
		}
	})
}
