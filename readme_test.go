// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// block is a fenced block of README.md; of is the comment above it, which says
// what the block repeats.
type block struct{ of, language, text string }

var fenced = regexp.MustCompile("(?ms)^(?:<!-- ([^\n]*) -->\n)?```([a-z]+)\n(.*?)^```$")

func readmeBlocks(t *testing.T) []block {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var blocks []block
	for _, m := range fenced.FindAllStringSubmatch(string(readme), -1) {
		blocks = append(blocks, block{m[1], m[2], m[3]})
	}
	require.Greater(t, len(blocks), 10)
	return blocks
}

// TestReadmeRepeatsFiles: code in README is code that compiles, and documents
// in it are documents that other tests verify.
func TestReadmeRepeatsFiles(t *testing.T) {
	repeated := 0
	for _, b := range readmeBlocks(t) {
		if b.language != "go" && b.language != "json" {
			continue
		}
		require.NotEmpty(t, b.of, "a block of %s does not say where it is from:\n%s", b.language, b.text)
		file, err := os.ReadFile(filepath.FromSlash(b.of))
		require.NoError(t, err)
		require.Contains(t, "\n"+string(file), "\n"+b.text, "README.md differs from %s", b.of)
		repeated++
	}
	require.Greater(t, repeated, 2)
}

// commands builds the two commands and returns the directory they are in.
func commands(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", dir, "./cmd/keygen", "./cmd/update-repo")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir
}

// TestReadmeCommands holds README to the commands: the usage it shows is that
// of --help, and each line it tells to type works.
func TestReadmeCommands(t *testing.T) {
	bin := commands(t)
	command := func(dir string, words ...string) (string, error) {
		name := words[0]
		if runtime.GOOS == "windows" {
			name += ".exe"
		}
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, name), words[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	t.Run("usage", func(t *testing.T) {
		shown := 0
		for _, b := range readmeBlocks(t) {
			if !strings.HasSuffix(b.of, " --help") {
				continue
			}
			usage, err := command("", strings.Fields(b.of)...)
			require.NoError(t, err)
			require.Equal(t, usage, b.text, b.of)
			shown++
		}
		require.Equal(t, 3, shown)
	})
	t.Run("lines", func(t *testing.T) {
		dir := publisher(t)
		server := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(dir, "repo"))))
		t.Cleanup(server.Close)
		typed := 0
		for _, b := range readmeBlocks(t) {
			if b.language != "sh" {
				continue
			}
			for line := range strings.Lines(b.text) {
				line = strings.ReplaceAll(strings.TrimSpace(line), "https://repo.example.net", server.URL)
				words := strings.Fields(line)
				if words[0] == "go" {
					continue
				}
				// There is no terminal to ask for a passphrase.
				if (words[0] == "keygen" || strings.Contains(line, ".key")) && !strings.Contains(line, "--passphrase") {
					words = append(words, "--passphrase-file", "passphrase")
				}
				out, err := command(dir, words...)
				require.NoError(t, err, "%s\n%s", line, out)
				typed++
				if key, err := os.ReadFile(filepath.Join(dir, "release.key")); err == nil {
					t.Setenv("RELEASE_KEY", string(key))
				}
			}
		}
		require.Greater(t, typed, 9)
	})
}

// publisher is a directory with what README takes for granted.
func publisher(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"choria", "choria-arm64", "choria.exe"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("the program "+name), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "passphrase"), []byte("correct horse\n"), 0o600))
	t.Setenv("RELEASE_PASSPHRASE", "correct horse")
	return dir
}

// TestReadmeIsComplete: every option and every error has its line in README,
// and nothing has one that is not there.
func TestReadmeIsComplete(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, options, found := strings.Cut(string(readme), "### Options")
	require.True(t, found)
	options, rest, found := strings.Cut(options, "### Errors")
	require.True(t, found)
	errors, _, found := strings.Cut(rest, "\n## ")
	require.True(t, found)

	have := slices.Concat(exported(t, "options.go", ""), exported(t, "compat.go", ""), exported(t, "authority.go", ""))
	require.ElementsMatch(t, have, names(options, "`([A-Z][A-Za-z0-9]*)\\("))
	want := exported(t, "errors.go", "updater.")
	trusted, err := filepath.Glob("trust/*.go")
	require.NoError(t, err)
	for _, file := range trusted {
		if !strings.HasSuffix(file, "_test.go") {
			want = append(want, exported(t, file, "trust.")...)
		}
	}
	require.ElementsMatch(t, want, names(errors, "`((?:updater|trust)\\.Err[A-Za-z0-9]*)`"))
}

// names lists what a pattern finds in the rows of a table, in their first
// column.
func names(table, pattern string) (found []string) {
	for line := range strings.Lines(table) {
		column, _, row := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !row || !strings.HasPrefix(line, "| ") {
			continue
		}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(column, -1) {
			found = append(found, m[1])
		}
	}
	return found
}

// exported lists a file's options if prefix is empty, otherwise its errors.
func exported(t *testing.T, path, prefix string) (found []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if prefix == "" && d.Recv == nil && d.Name.IsExported() && d.Type.Results != nil {
				if result, ok := d.Type.Results.List[0].Type.(*ast.Ident); ok && result.Name == "Option" {
					found = append(found, d.Name.Name)
				}
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && prefix != "" && strings.HasPrefix(v.Names[0].Name, "Err") {
					found = append(found, prefix+v.Names[0].Name)
				}
			}
		}
	}
	return found
}

// TestReadmeLinks: what README and the threat model lead to is there.
func TestReadmeLinks(t *testing.T) {
	for _, document := range []string{"README.md", "threatmodel.md"} {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(text), -1) {
			require.FileExists(t, filepath.FromSlash(m[1]), "%s links to %s", document, m[1])
		}
	}
}
