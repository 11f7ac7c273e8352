// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/choria-io/go-updater/internal/testing/race"
	"github.com/stretchr/testify/require"
)

// runDemo runs the quickstart and requires that it leaves no files.
func runDemo(t *testing.T, ctx context.Context, attacks []attack) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
	var out, errs bytes.Buffer
	code = run(ctx, &out, &errs, attacks)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	return code, out.String(), errs.String()
}

func TestQuickstart(t *testing.T) {
	race.Skip(t, "the updating programs are built without it")
	require.Len(t, attacks(), 6)
	code, stdout, stderr := runDemo(t, t.Context(), attacks())
	require.Zero(t, code, "%s\n%s", stdout, stderr)
	require.Empty(t, stderr)
	require.NotContains(t, stdout, "\x1b", "no colours without a terminal")
	all := lines(stdout)
	require.Contains(t, all[len(all)-1], "All steps succeeded")
	if runtime.GOOS != "windows" { // has other paths
		requireTranscript(t, stdout)
	}
}

// requireTranscript compares the output in README with the printed output, except for
// what differs in every run. A line […] stands for any number of lines.
func requireTranscript(t *testing.T, printed string) {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "<!-- go run ./examples/quickstart -->\n```text\n")
	require.True(t, found, "README.md has no transcript")
	shown, _, found := strings.Cut(rest, "```\n")
	require.True(t, found)
	printed = normalize(printed)
	for _, piece := range strings.Split(normalize(shown), "[…]\n") {
		_, after, found := strings.Cut(printed, piece)
		require.True(t, found, "README.md shows\n%s\nwhich is missing, or out of order, in\n%s", piece, printed)
		printed = after
	}
}

func normalize(text string) string {
	for _, r := range []struct{ pattern, with string }{
		{`[0-9a-f]{64}`, "<hex>"},
		{`127\.0\.0\.1:[0-9]+`, "<address>"},
		{`"[^"]*quickstart-[0-9]+`, `"<dir>`},
		{`[0-9]+ KB`, "<size>"},
		{`[0-9.]+ MB, [0-9.]+ MB/s`, "<rate>"},
		{`bytes="[0-9]+"`, `bytes="<size>"`},
		{`in [0-9ms]+\.`, "in <time>."},
		{`\b(` + runtime.GOOS + `|linux)\b`, "<os>"},
		{`\b(arm64|amd64|` + runtime.GOARCH + `)\b`, "<arch>"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return text
}

// A successful attack must be noticed.
func TestSuccessfulAttackExitsOne(t *testing.T) {
	skipShort(t)
	harmless := attacks()[:1]
	harmless[0].prepare = func(_ context.Context, d *demo) (http.Handler, error) { return d.site.honest, nil }
	code, stdout, stderr := runDemo(t, t.Context(), harmless)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "quickstart: error: step 6")
	require.Contains(t, stderr, "should have exited with 1")
	require.NotContains(t, stdout, "All steps succeeded")
}

func TestCheckRefusedFails(t *testing.T) {
	skipShort(t)
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	d, err := newDemo(dir, newReport(&bytes.Buffer{}))
	require.NoError(t, err)
	t.Cleanup(d.site.close)
	for _, step := range []func(context.Context) error{d.makeKey, d.buildVersions, d.publishVersions} {
		require.NoError(t, step(t.Context()))
	}
	program, err := os.ReadFile(d.built(oldVersion))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(d.target, program, 0o755))

	a := attacks()[0]
	handler, err := a.prepare(t.Context(), d)
	require.NoError(t, err)
	d.site.use(handler)
	require.NoError(t, d.checkRefused(t.Context(), a))

	t.Run("if the error is another one", func(t *testing.T) {
		other := a
		other.want, other.name = errors.New("other"), "other"
		require.ErrorContains(t, d.checkRefused(t.Context(), other), "should have been other")
	})
	t.Run("if a file is left", func(t *testing.T) {
		d.site.use(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = os.WriteFile(filepath.Join(filepath.Dir(d.target), "left"), nil, 0o600)
			handler.ServeHTTP(w, r)
		}))
		require.ErrorContains(t, d.checkRefused(t.Context(), a), "changed")
	})
}

func TestInterruptedDemoCleansUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, _, stderr := runDemo(t, ctx, attacks())
	require.Equal(t, 1, code)
	require.Equal(t, "quickstart: error: interrupted\n", stderr)
}

func TestWithoutGo(t *testing.T) {
	t.Setenv("PATH", "")
	code, _, stderr := runDemo(t, t.Context(), attacks())
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "the go command")
}

func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT PROVEN: builds two programs, as TestQuickstart does")
	}
}
