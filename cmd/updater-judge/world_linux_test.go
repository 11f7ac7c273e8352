// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
)

// release is a version of agent.
type release struct {
	version string
	flags   []string // of go build
	source  string
	values  string // that the linker sets
}

const good, better = "1.0.0", "3.0.0"

// releases are two that work, and between them those that do not.
var releases = []release{
	{version: good, source: "./testdata/agent"},
	{version: better, source: "./testdata/agent"},
	{version: "2.0.1", source: "./testdata/broken", values: " -X main.kind=segfault"},
	{version: "2.0.2", source: "./testdata/broken", values: " -X main.after=200ms"}, // two seconds, in a tenth of the time
	{version: "2.0.3", source: "./testdata/broken", values: " -X main.kind=hang"},
	{version: "2.0.4", source: "./testdata/broken", values: " -I /nonexistent/ld.so -X main.after=0s", flags: []string{"-buildmode=pie"}},
	{version: "2.0.5", source: "./testdata/broken", values: " -X main.after=10ms"}, // nine minutes of an injected clock
}

// world is the judge, and releases of agent in a repository on loopback.
type world struct {
	judge    string            // path
	programs map[string]string // path by version
	bytes    map[string][]byte
}

// All tests share one world, which they do not change.
var theWorld = sync.OnceValues(makeWorld)

func newWorld(t *testing.T) *world {
	t.Helper()
	w, err := theWorld()
	require.NoError(t, err)
	return w
}

var worldDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "updater-judge-world-")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // other users start the judge
		log.Fatal(err)
	}
	worldDir = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		log.Fatal(err)
	}
	os.Exit(code)
}

func makeWorld() (*world, error) {
	private, err := keys.Generate(rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := private.Signer()
	if err != nil {
		return nil, err
	}
	repo := filepath.Join(worldDir, "repo")
	if err := os.Mkdir(repo, 0o755); err != nil {
		return nil, err
	}
	server := httptest.NewServer(http.FileServer(http.Dir(repo)))
	w := &world{judge: filepath.Join(worldDir, "updater-judge"), programs: map[string]string{}, bytes: map[string][]byte{}}
	if err := build(w.judge, ".", ""); err != nil {
		return nil, err
	}
	r, err := repository.Open(repo)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for _, rel := range releases {
		bin := filepath.Join(worldDir, "agent-"+rel.version)
		values := "-X main.version=" + rel.version + rel.values
		if rel.source == "./testdata/agent" {
			values += " -X main.repo=" + server.URL + " -X main.releaseKey=" + private.Public().String()
		}
		if err := build(bin, rel.source, values, rel.flags...); err != nil {
			return nil, err
		}
		w.programs[rel.version] = bin
		if w.bytes[rel.version], err = os.ReadFile(bin); err != nil {
			return nil, err
		}
		if _, err := r.Add(context.Background(), repository.AddRequest{
			Name: "agent", Version: rel.version, Signer: signer, Now: now, Expires: now.AddDate(0, 0, 1),
			Files: []repository.File{{Path: bin, OS: runtime.GOOS, Arch: runtime.GOARCH}},
		}); err != nil {
			return nil, err
		}
	}
	return w, r.Close()
}

func build(bin, source, values string, flags ...string) error {
	args := append([]string{"build", "-trimpath", "-ldflags", "-s -w " + values, "-o", bin}, flags...)
	cmd := exec.Command("go", append(args, source)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// install copies the good version into a directory of its own. It uses cp, as a file that
// this process has open for writing could not be started.
func (w *world) install(t *testing.T) (target string) {
	t.Helper()
	dir, err := os.MkdirTemp(worldDir, "machine-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	target = filepath.Join(dir, "agent")
	command(t, "cp", w.programs[good], target)
	return target
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// requireVersion requires that path has exactly the bytes of a version.
func (w *world) requireVersion(t *testing.T, version, path string) {
	t.Helper()
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	for v, bytes := range w.bytes {
		if string(bytes) == string(got) {
			require.Equal(t, version, v, path)
			return
		}
	}
	require.Fail(t, "no version at all", path)
}

// update has the program install a version of itself.
func (w *world) update(t *testing.T, target, version, limit string) {
	t.Helper()
	command(t, target, "update", version, limit)
	w.requireVersion(t, version, target)
}

// files are the names beside the target and in its private directory.
func files(t *testing.T, target string) (names []string) {
	t.Helper()
	for _, dir := range []string{filepath.Dir(target), filepath.Join(filepath.Dir(target), ".agent.update")} {
		entries, err := os.ReadDir(dir)
		if !errors.Is(err, os.ErrNotExist) {
			require.NoError(t, err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	return names
}

func journal(t *testing.T, target string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(target), ".agent.update", "journal.json"))
	require.NoError(t, err)
	return string(raw)
}
