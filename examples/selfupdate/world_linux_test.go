// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/faults"
	"github.com/choria-io/go-updater/keys"
	"github.com/choria-io/go-updater/repository"
)

// world is two versions of this program, the second of which is published.
type world struct {
	old, new string            // paths
	bytes    map[string][]byte // of each version
}

// All tests share one world, which takes longer to create than most of them run. They
// do not change it.
var theWorld = sync.OnceValues(makeWorld)

func newWorld(t *testing.T) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT PROVEN: sweeps take a minute")
	}
	w, err := theWorld()
	require.NoError(t, err)
	return w
}

func TestMain(m *testing.M) {
	if os.Geteuid() == 0 && os.Getenv(ownMounts) == "" {
		os.Exit(withOwnMounts())
	}
	if os.Getenv(ownMounts) != "" {
		hide("/var/lib/dpkg/info")
	}
	dir, err := os.MkdirTemp("", "selfupdate-world-")
	if err != nil {
		log.Fatal(err)
	}
	worldDir = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		log.Fatal(err)
	}
	os.Exit(code)
}

var worldDir string

const ownMounts = "SELFUPDATE_TEST_OWN_MOUNTS"

// withOwnMounts runs the tests in a mount namespace, in which they hide the package
// database: reading it would take most of the time of a traced update. What the tests
// mount is unmounted with the namespace.
func withOwnMounts() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), ownMounts+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is sent when this thread ends
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		log.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// hide mounts an empty directory over dir, if that exists.
func hide(dir string) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil && !errors.Is(err, os.ErrNotExist) {
		log.Fatal("hiding ", dir, ": ", err)
	}
}

// makeWorld builds both versions, publishes the second one, and serves it until the
// process ends.
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

	w := &world{old: filepath.Join(worldDir, "1.0.0"), new: filepath.Join(worldDir, "2.0.0"), bytes: map[string][]byte{}}
	for version, bin := range map[string]string{"1.0.0": w.old, "2.0.0": w.new} {
		flags := "-s -w -X main.version=" + version + " -X main.repo=" + server.URL + " -X main.releaseKey=" + private.Public().String()
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", flags, "-o", bin, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		if w.bytes[version], err = os.ReadFile(bin); err != nil {
			return nil, err
		}
	}
	r, err := repository.Open(repo)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	_, err = r.Add(context.Background(), repository.AddRequest{
		Name: "selfupdate", Version: "2.0.0", Signer: signer, Now: now, Expires: now.AddDate(0, 0, 1),
		Files: []repository.File{{Path: w.new, OS: runtime.GOOS, Arch: runtime.GOARCH}},
	})
	return w, errors.Join(err, r.Close())
}

// which returns the version that the file is, or "". It compares all bytes.
func (w *world) which(path string) (version string, err error) {
	for version, want := range w.bytes {
		if same, err := hasContent(path, want); same || err != nil {
			return version, err
		}
	}
	return "", nil
}

// hasContent reports whether the file has exactly this content. It compares in pieces: a
// sweep calls it a thousand times, and to hash or read whole files would take a tenth of
// its time.
func hasContent(path string, want []byte) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	piece := make([]byte, 1<<18)
	for {
		n, err := io.ReadFull(f, piece)
		if !bytes.HasPrefix(want, piece[:n]) {
			return false, nil
		}
		want = want[n:]
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return len(want) == 0, nil
		case err != nil:
			return false, err
		}
	}
}

// The sweeps depend on it.
func TestHasContent(t *testing.T) {
	want := make([]byte, 3<<17) // a piece and a half
	for name, tc := range map[string]struct {
		content []byte
		same    bool
	}{
		"same":              {want, true},
		"empty":             {nil, false},
		"one piece":         {want[:1<<18], false},
		"a byte less":       {want[1:], false},
		"a byte more":       {make([]byte, len(want)+1), false},
		"last byte flipped": {append(make([]byte, len(want)-1), 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "program")
			require.NoError(t, os.WriteFile(path, tc.content, 0o600))
			same, err := hasContent(path, want)
			require.NoError(t, err)
			require.Equal(t, tc.same, same)
		})
	}
	_, err := hasContent(filepath.Join(t.TempDir(), "none"), want)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// install copies the old version into dir and syncs it, as an installer would. It uses
// cp, because this process must not open the file for writing: a child that another test
// is forking would have it open too, and the program could not be started.
func (w *world) install(t *testing.T, dir string) (target string) {
	t.Helper()
	target = filepath.Join(dir, "selfupdate")
	out, err := exec.CommandContext(t.Context(), "cp", w.old, target).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, path := range []string{target, dir} {
		f, err := os.Open(path)
		require.NoError(t, err)
		require.NoError(t, errors.Join(f.Sync(), f.Close()))
	}
	return target
}

// copyOf copies the directory of target, including links and times.
func copyOf(t *testing.T, target string) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "cp", "-a", filepath.Dir(target)+"/.", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return filepath.Join(dir, filepath.Base(target))
}

// trace runs the program under the tracer.
func (w *world) trace(t *testing.T, hook faults.Hook, target string, args ...string) *faults.Result {
	t.Helper()
	return w.traceOf(t, hook, target, target, args...)
}

// traceOf runs another program under the tracer, which sees its calls in the target's
// directory.
func (w *world) traceOf(t *testing.T, hook faults.Hook, target, program string, args ...string) *faults.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := faults.Run(ctx, exec.Command(program, args...), faults.Watch{Dirs: []string{filepath.Dir(target)}, Fold: true}, hook)
	if errors.Is(err, faults.ErrUnsupported) {
		t.Skip("NOT PROVEN: ", err)
	}
	require.NoError(t, err)
	return res
}

// start runs the program, and returns its output.
func start(t *testing.T, target string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), target, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// version returns the version that the file is.
func (w *world) version(t *testing.T, path, what string) string {
	t.Helper()
	version, err := w.which(path)
	require.NoError(t, err, what)
	require.NotEmpty(t, version, "%s: %s is not a version", what, path)
	return version
}

// requireComplete requires what must be true at any moment, and returns the version.
func (w *world) requireComplete(t *testing.T, target, what string) (version string) {
	t.Helper()
	info, err := os.Lstat(target)
	require.NoError(t, err, what)
	require.Equal(t, os.FileMode(0o755), info.Mode(), what)
	if _, err := os.Lstat(target + ".backup"); err == nil {
		w.version(t, target+".backup", what)
	}
	return w.version(t, target, what)
}

// requireClean requires what must be true after Recover: there are no leftovers, except
// a download with which the next update continues.
func (w *world) requireClean(t *testing.T, target, what string) {
	t.Helper()
	partials, err := filepath.Glob(filepath.Join(filepath.Dir(target), ".selfupdate.update", "partial-*"))
	require.NoError(t, err)
	require.LessOrEqual(t, len(partials), 1, what)
	w.requireNoLeftovers(t, target, what, partials...)
}

// requireNoLeftovers requires that nothing of an update is left, except allowedPaths.
func (w *world) requireNoLeftovers(t *testing.T, target, what string, allowedPaths ...string) {
	t.Helper()
	allowed := map[string]bool{"selfupdate": true, "selfupdate.backup": true, ".selfupdate.update": true, "lost+found": true}
	entries, err := os.ReadDir(filepath.Dir(target))
	require.NoError(t, err, what)
	for _, e := range entries {
		require.True(t, allowed[e.Name()], "%s: leftover %s", what, e.Name())
	}
	entries, err = os.ReadDir(filepath.Join(filepath.Dir(target), ".selfupdate.update"))
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err, what)
	}
	for _, e := range entries {
		if !slices.Contains(allowedPaths, filepath.Join(filepath.Dir(target), ".selfupdate.update", e.Name())) {
			require.Contains(t, "journal.json starts.lock", e.Name(), what)
		}
	}
}

// isNew reports whether target is the new version. The swap may be in progress.
func (w *world) isNew(target string) bool {
	version, err := w.which(target)
	return err == nil && version == "2.0.0"
}
