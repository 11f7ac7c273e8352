// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
)

var updateUsage = flag.Bool("update", false, "write the usage texts of README.md and docs/*.md, and testdata/status.json, again")

// block is a fenced block of a document; of is the comment above it, which says
// what the block repeats.
type block struct{ document, of, language, text string }

var fenced = regexp.MustCompile("(?ms)^(?:<!-- ([^\n]*) -->\n)?```([a-z]+)\n(.*?)^```$")

// documents returns the paths of README.md and docs/*.md.
func documents(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, docs)
	for i := range docs {
		docs[i] = filepath.ToSlash(docs[i])
	}
	return append(docs, "README.md")
}

// blocks returns the blocks of all documents, except of two that are tested
// elsewhere: release-format.md in package trust, publishing.md in cmd/update-repo.
func blocks(t *testing.T) (found []block) {
	t.Helper()
	for _, document := range documents(t) {
		if document == "docs/release-format.md" || document == "docs/publishing.md" {
			continue
		}
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, m := range fenced.FindAllStringSubmatch(string(text), -1) {
			found = append(found, block{document, m[1], m[2], m[3]})
		}
	}
	require.Greater(t, len(found), 10)
	return found
}

// TestDocumentsRepeatFiles: code in documents is code that compiles, and release
// documents in them are verified by other tests.
func TestDocumentsRepeatFiles(t *testing.T) {
	repeated := 0
	for _, b := range blocks(t) {
		if b.language != "go" && b.language != "json" {
			continue
		}
		require.NotEmpty(t, b.of, "%s does not say where this block is from:\n%s", b.document, b.text)
		file, err := os.ReadFile(filepath.FromSlash(b.of))
		require.NoError(t, err)
		require.Contains(t, "\n"+string(file), "\n"+b.text, "%s differs from %s", b.document, b.of)
		repeated++
	}
	require.GreaterOrEqual(t, repeated, 2)
}

// commands builds the commands and returns a function that runs them.
func commands(t *testing.T) func(dir string, words ...string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", bin, "./cmd/keygen", "./cmd/update-repo", "./cmd/updater-judge")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return func(dir string, words ...string) (string, error) {
		name := words[0]
		if runtime.GOOS == "windows" {
			name += ".exe"
		}
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, name), words[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
}

// TestDocumentedCommands: the usage texts in documents are those of --help, and
// every command line in them works.
func TestDocumentedCommands(t *testing.T) {
	race.Skip(t, "the commands are built without it")
	command := commands(t)
	t.Run("usage", func(t *testing.T) {
		shown := 0
		for _, b := range blocks(t) {
			if !strings.HasSuffix(b.of, " --help") {
				continue
			}
			usage, err := command("", strings.Fields(b.of)...)
			require.NoError(t, err)
			if *updateUsage {
				replaceUsage(t, b, usage)
				b.text = usage
			}
			require.Equal(t, usage, b.text, "%s: %s (write it again with go test -run TestDocumentedCommands -update .)", b.document, b.of)
			shown++
		}
		require.GreaterOrEqual(t, shown, 3)
	})
	t.Run("lines", func(t *testing.T) {
		publishers, typed := map[string]string{}, 0
		for _, b := range blocks(t) {
			if b.language != "sh" {
				continue
			}
			if publishers[b.document] == "" {
				publishers[b.document] = publisher(t, b.document)
			}
			for line := range strings.Lines(b.text) {
				typed += typeLine(t, command, publishers[b.document], strings.TrimSpace(line))
			}
		}
		require.Greater(t, typed, 9)
	})
}

func replaceUsage(t *testing.T, b block, usage string) {
	t.Helper()
	text, err := os.ReadFile(b.document)
	require.NoError(t, err)
	head := "<!-- " + b.of + " -->\n```" + b.language + "\n"
	text = []byte(strings.Replace(string(text), head+b.text, head+usage, 1))
	require.NoError(t, os.WriteFile(b.document, text, 0o644))
}

// typeLine runs a line of a document in dir and returns 1, or 0 if the line is not
// one of our commands.
func typeLine(t *testing.T, command func(dir string, words ...string) (string, error), dir, line string) int {
	t.Helper()
	words := strings.Fields(line)
	if slices.Contains([]string{"go", "cd", "mv", "rm"}, words[0]) {
		return 0
	}
	if strings.Contains(line, "https://repo.example.net") {
		server := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(dir, "repo"))))
		defer server.Close()
		words = strings.Fields(strings.ReplaceAll(line, "https://repo.example.net", server.URL))
	}
	// There is no terminal to ask for a passphrase.
	if (words[0] == "keygen" || strings.Contains(line, ".key")) && !strings.Contains(line, "--passphrase") {
		words = append(words, "--passphrase-file", "passphrase")
	}
	out, err := command(dir, words...)
	require.NoError(t, err, "%s\n%s", line, out)
	if key, err := os.ReadFile(filepath.Join(dir, "release.key")); err == nil {
		t.Setenv("RELEASE_KEY", string(key))
	}
	return 1
}

// publisher returns a directory with the files that the commands of a document
// need.
func publisher(t *testing.T, document string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"choria", "choria-arm64", "choria.exe"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("the program "+name), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "passphrase"), []byte("correct horse\n"), 0o600))
	t.Setenv("RELEASE_PASSPHRASE", "correct horse")
	if document == "docs/upgrading.md" {
		publishAsV010(t, filepath.Join(dir, "repo"))
	}
	return dir
}

// publishAsV010 makes a repository of one release, as v0.1.0 wrote it.
func publishAsV010(t *testing.T, repo string) {
	t.Helper()
	release := filepath.Join("1.2.2", "linux", "amd64")
	require.NoError(t, os.CopyFS(filepath.Join(repo, release), os.DirFS(filepath.Join("testdata", "repository", release))))
	path := filepath.Join(repo, release, "release.json")
	document, err := os.ReadFile(path)
	require.NoError(t, err)
	var old struct {
		Binary string `json:"binary"`
		Hash   string `json:"hash"`
	}
	require.NoError(t, json.Unmarshal(document, &old))
	document, err = json.Marshal(old)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, document, 0o644))
}

// TestReadmeIsShort: options, errors and help texts have their places elsewhere.
func TestReadmeIsShort(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.LessOrEqual(t, len(readme), 10_000)
}

// TestEveryNameIsDocumented: README leads to the documentation of the packages for
// options and errors, so each exported name has one there.
func TestEveryNameIsDocumented(t *testing.T) {
	for _, dir := range []string{".", "trust", "trust/tuf", "signing", "keys", "repository"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		seen := 0
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, decl := range file.Decls {
				for name, documented := range exportedNames(decl) {
					seen++
					require.True(t, documented, "%s: %s", path, name)
				}
			}
		}
		require.Positive(t, seen, dir)
	}
}

// exportedNames returns the exported functions, types, constants and variables of a
// declaration, and whether each has a comment.
func exportedNames(decl ast.Decl) map[string]bool {
	found := map[string]bool{}
	switch d := decl.(type) {
	case *ast.FuncDecl:
		// Methods without a comment are those of well-known interfaces.
		if d.Name.IsExported() && d.Recv == nil {
			found[d.Name.Name] = d.Doc != nil
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					found[s.Name.Name] = d.Doc != nil || s.Doc != nil
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() {
						found[name.Name] = d.Doc != nil || s.Doc != nil || s.Comment != nil
					}
				}
			}
		}
	}
	return found
}

// TestLinks: the files that documents link to exist.
func TestLinks(t *testing.T) {
	for _, document := range append(documents(t), "threatmodel.md", "SECURITY.md", "CHANGELOG.md") {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(text), -1) {
			require.FileExists(t, filepath.FromSlash(path.Join(path.Dir(document), m[1])), "%s links to %s", document, m[1])
		}
	}
}
