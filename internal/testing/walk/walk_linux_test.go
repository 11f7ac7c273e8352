// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package walk counts what one update does: every fact is to be established once.
// The program that updates is built with coverage counters, which say how often
// each function was entered, and is traced for its fsyncs.
package walk

import (
	"bufio"
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/faults"
	"github.com/choria-io/go-updater/internal/testing/published"
)

const module = "github.com/choria-io/go-updater"

// library verifies the signatures of TUF metadata.
const library = "github.com/sigstore/sigstore"

// figures are what an update did.
type figures struct {
	documents  int // release documents that were parsed
	signatures int // Ed25519 verifications of a document
	keys       int // texts of public keys that were parsed
	memories   int // times that the record is consulted for what is remembered
	refreshes  int // walks along the TUF metadata that ask the repository
	metadata   int // signatures of TUF metadata that were verified
	fsyncs     int
}

func TestOneWalk(t *testing.T) {
	w := newWorld(t)
	keys := "-keys=" + w.Keys[0].String()
	two := keys + "," + w.Keys[1].String()
	root := "-root=" + filepath.Join(w.Dir, "metadata", "1.root.json")
	for name, tc := range map[string]struct {
		args []string
		want figures
	}{
		"one key":       {[]string{"-repos=" + w.url, keys}, figures{documents: 1, signatures: 1, keys: 1, memories: 1, fsyncs: 11}},
		"two keys":      {[]string{"-repos=" + w.url, two}, figures{documents: 1, signatures: 2, keys: 2, memories: 1, fsyncs: 11}},
		"mirrors":       {[]string{"-repos=" + w.empty + "," + w.url, keys}, figures{documents: 1, signatures: 1, keys: 1, memories: 1, fsyncs: 11}},
		"TUF":           {[]string{"-repos=" + w.url, root}, figures{documents: 1, memories: 1, refreshes: 1, metadata: 6, fsyncs: 17}},
		"TUF and a key": {[]string{"-repos=" + w.url, root, keys}, figures{documents: 1, signatures: 1, keys: 1, memories: 1, refreshes: 1, metadata: 6, fsyncs: 17}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, w.update(t, tc.args...))
		})
	}
}

// world is a repository with one release, and a program that updates to it.
type world struct {
	*published.Repository
	client     string
	url, empty string // of the repository, and of one that has nothing
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Repository: published.New(t, time.Now(), true), client: filepath.Join(t.TempDir(), "client")}
	build := exec.Command("go", "build", "-cover", "-covermode=atomic", "-coverpkg="+module+"/...,"+library+"/...", "-o", w.client, "./client")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	w.url = published.Serve(t, w.Dir)
	w.empty = published.Serve(t, t.TempDir())
	return w
}

// update lets a program that was never updated before update itself, and counts.
func (w *world) update(t *testing.T, args ...string) figures {
	t.Helper()
	dir, counters := t.TempDir(), t.TempDir()
	target := filepath.Join(dir, "prog")
	require.NoError(t, os.WriteFile(target, []byte("version 1.0.0\n"), 0o755))
	cmd := exec.CommandContext(t.Context(), w.client, append(args, "-target="+target)...)
	cmd.Env = append(os.Environ(), "GOCOVERDIR="+counters)
	traced, err := faults.Run(t.Context(), cmd, faults.Watch{Dirs: []string{dir}}, faults.At(0, faults.Pass))
	require.NoError(t, err)
	require.Zero(t, traced.Exit, string(traced.Output))
	content, err := os.ReadFile(target)
	require.NoError(t, err)
	require.Equal(t, published.Binary(), content)

	c := readCounters(t, counters)
	f := figures{
		documents:  c.calls(t, module+"/internal/jcs/jcs.go", "Parse") - c.calls(t, module+"/internal/store/record.go", "Parse"),
		signatures: c.calls(t, module+"/trust/key.go", "Key.verify"),
		keys:       c.calls(t, module+"/trust/key.go", "ParseKeys"),
		memories:   c.calls(t, module+"/internal/install/probation.go", "Session.Facts"),
		refreshes:  c.calls(t, module+"/internal/tuf/client/client.go", "Client.Refresh"),
		metadata:   c.calls(t, library+"/pkg/signature/ed25519.go", "ED25519Verifier.VerifySignature"),
	}
	for _, call := range traced.Calls {
		if call.Name == "fsync" || call.Name == "fdatasync" {
			f.fsyncs++
		}
	}
	return f
}

// counters are how often each block of code ran, by file and where it begins.
type counters map[string]map[place]int

type place struct{ line, column int }

// first is the counter of the first block between two places of a file.
func (c counters) first(file string, from, to token.Position) (count int, ok bool) {
	var best place
	for at, n := range c[file] {
		within := (at.line > from.Line || at.line == from.Line && at.column >= from.Column) && at.line <= to.Line
		earlier := at.line < best.line || at.line == best.line && at.column < best.column
		if within && (!ok || earlier) {
			best, count, ok = at, n, true
		}
	}
	return count, ok
}

func readCounters(t *testing.T, dir string) counters {
	t.Helper()
	profile := filepath.Join(t.TempDir(), "profile")
	out, err := exec.Command("go", "tool", "covdata", "textfmt", "-i", dir, "-o", profile).CombinedOutput()
	require.NoError(t, err, string(out))
	raw, err := os.ReadFile(profile)
	require.NoError(t, err)
	found := counters{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	require.True(t, lines.Scan(), "the mode")
	for lines.Scan() {
		// file:from.column,to.column statements count
		fields := strings.Fields(lines.Text())
		require.Len(t, fields, 3)
		file, begins, _ := strings.Cut(fields[0], ":")
		var at place
		_, err := fmt.Sscanf(begins, "%d.%d", &at.line, &at.column)
		require.NoError(t, err)
		if found[file] == nil {
			found[file] = map[place]int{}
		}
		found[file][at], err = strconv.Atoi(fields[2])
		require.NoError(t, err)
	}
	return found
}

// calls is how often a function, or "Type.method", was entered.
func (c counters) calls(t *testing.T, file, name string) int {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", path.Dir(file)).Output()
	require.NoError(t, err, file)
	source := filepath.Join(strings.TrimSpace(string(out)), path.Base(file))
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, source, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, decl := range parsed.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || nameOf(f) != name {
			continue
		}
		count, ok := c.first(file, files.Position(f.Body.Lbrace), files.Position(f.Body.Rbrace))
		require.True(t, ok, "%s of %s was not counted", name, file)
		return count
	}
	require.FailNow(t, "no such function", "%s in %s", name, file)
	return 0
}

func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	return of.(*ast.Ident).Name + "." + f.Name.Name
}
