// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
)

const module = "github.com/choria-io/go-updater"

// arrow says what the packages below one path may import besides the standard
// library: packages of this module, and packages below other modules' paths.
// Test files are free, so that a test can sign what it verifies.
type arrow struct{ own, other []string }

// arrows is the whole map of the module. A package that is not on it fails the
// test, so that nobody adds one without saying what it may lean on. The upper
// half is what embedders link: everything that could make or hold a private
// key, parse TUF or talk to a terminal is out of its reach.
var arrows = map[string]arrow{
	"": {
		own: []string{
			"trust", "internal/install", "internal/fetch", "internal/jcs", "internal/layout", "internal/release",
			"internal/store", "internal/preflight", "internal/trial",
		},
		other: []string{"golang.org/x/sys"},
	},
	"internal/release": {own: []string{
		"trust", "internal/codec", "internal/codec/bsdiff", "internal/fetch", "internal/layout", "internal/store",
	}},
	"trust":              {own: []string{"internal/jcs"}},
	"internal/jcs":       {},
	"internal/layout":    {other: []string{"golang.org/x/mod/semver"}},
	"internal/install":   {own: []string{"internal/attrs", "internal/store"}, other: []string{"golang.org/x/sys"}},
	"internal/attrs":     {other: []string{"golang.org/x/sys"}},
	"internal/fetch":     {other: []string{"golang.org/x/sys"}},
	"internal/codec":     {own: []string{"internal/codec/bunzip"}, other: []string{"github.com/klauspost/compress/zstd"}},
	"internal/store":     {own: []string{"internal/jcs", "internal/layout"}, other: []string{"golang.org/x/sys"}},
	"internal/preflight": {other: []string{"golang.org/x/sys"}},
	"internal/trial":     {other: []string{"golang.org/x/sys"}},

	// What a program links that installs from TUF metadata, and no other does.
	"trust/tuf": {own: []string{"", "trust", "internal/layout", "internal/store", "internal/tuf/client"}},
	"internal/tuf": {
		own:   []string{"trust", "internal/store"},
		other: []string{"github.com/secure-systems-lab/go-securesystemslib/cjson", "github.com/theupdateframework/go-tuf/v2/metadata"},
	},
	"internal/tuf/client": {
		own:   []string{"trust", "internal/fetch", "internal/layout", "internal/store", "internal/tuf"},
		other: []string{"github.com/theupdateframework/go-tuf/v2/metadata"},
	},

	"internal/codec/bunzip":      {},
	"internal/codec/bsdiff":      {own: []string{"internal/codec/bunzip"}},
	"internal/codec/bsdiff/diff": {own: []string{"internal/codec/bz2"}}, // for publishers

	"signing": {own: []string{"trust"}, other: []string{"github.com/sigstore/sigstore/pkg/signature"}},
	"internal/tuf/publish": {
		own: []string{"signing", "trust", "internal/fetch", "internal/layout", "internal/tuf", "internal/tuf/client"},
		other: []string{
			"github.com/sigstore/sigstore/pkg/signature", "github.com/theupdateframework/go-tuf/v2/metadata",
		},
	},
	"internal/codec/bz2": {other: []string{"github.com/dsnet/compress"}},
	"internal/codec/zst": {other: []string{"github.com/klauspost/compress/zstd"}},
	"internal/keytext":   {},
	"keys": {
		own: []string{"trust", "internal/keytext"},
		other: []string{
			"aead.dev/minisign", "github.com/secure-systems-lab/go-securesystemslib/encrypted",
			"github.com/sigstore/sigstore/pkg", "golang.org/x/crypto", "golang.org/x/sys",
		},
	},
	"repository": {
		own: []string{"signing", "internal/layout", "internal/tuf/client", "internal/tuf/publish", "trust", "internal/attrs", "internal/codec", "internal/codec/bsdiff", "internal/codec/bsdiff/diff", "internal/codec/bz2", "internal/codec/zst", "internal/fetch", "internal/release", "internal/store"},
		other: []string{
			"github.com/sigstore/sigstore/pkg/signature", "golang.org/x/sys",
		},
	},
	"internal/term": {
		own: []string{"internal/keytext"},
		other: []string{
			"github.com/schollz/progressbar/v3", "github.com/spf13/cobra", "github.com/spf13/pflag",
			"golang.org/x/sys", "golang.org/x/term",
		},
	},
}

// free lists the trees of programs: they import what they like, nothing
// imports them, and only they and internal/term own streams and exit codes.
var free = []string{"cmd/", "examples/", "bench/", "internal/testing/"}

// embedded is the half of the map that a program links with the updater.
var embedded = []string{
	"", "trust", "internal/attrs", "internal/codec", "internal/fetch", "internal/install", "internal/jcs", "internal/layout", "internal/release",
	"internal/store", "internal/preflight", "internal/trial", "internal/codec/bsdiff", "internal/codec/bunzip",
}

var systems = []string{"linux", "darwin", "windows", "freebsd"}

type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
	Module     *struct{ Path string }
}

// goList asks the go command, so that build constraints of each system count.
func goList(t *testing.T, goos string, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports,Standard,Module"}, args...)...)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go list: %s", stderr.String())
	var packages []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}

// below tells whether path is one of roots or lies below one.
func below(path string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return path == root || strings.HasPrefix(path, strings.TrimSuffix(root, "/")+"/")
	})
}

// own returns the path of a package inside this module.
func own(importPath string) (string, bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// misdrawn names the imports of a package that its arrow does not allow.
func misdrawn(p listed, isStandard func(string) bool) (faults []string) {
	from, _ := own(p.ImportPath)
	allowed, drawn := arrows[from]
	program := below(from, free)
	if !drawn && !program {
		return []string{fmt.Sprintf("%s has no arrow: say in arrows_test.go what it may import", p.ImportPath)}
	}
	for _, path := range p.Imports {
		to, ours := own(path)
		switch {
		case ours && below(to, free) && !(program && strings.HasPrefix(to, from+"/")):
		case program, isStandard(path), ours && slices.Contains(allowed.own, to), !ours && below(path, allowed.other):
			continue
		}
		faults = append(faults, fmt.Sprintf("%s imports %s", p.ImportPath, path))
	}
	return faults
}

func TestArrows(t *testing.T) {
	race.Skip(t, "the go command does the work")
	for _, goos := range systems {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			standard := map[string]bool{"C": true, "unsafe": true}
			for _, p := range goList(t, goos, "-deps", "./...") {
				if p.Standard {
					standard[p.ImportPath] = true
				}
			}
			seen := map[string]bool{}
			for _, p := range goList(t, goos, "./...") {
				path, _ := own(p.ImportPath)
				seen[path] = true
				require.Empty(t, misdrawn(p, func(path string) bool { return standard[path] }))
			}
			for path := range arrows {
				require.True(t, seen[path], "arrows_test.go draws %q, which is not there", path)
			}
		})
	}
}

// TestEmbeddersLinkLittle holds what README promises to those who link us: the
// standard library, golang.org/x and one decoder, through however many steps.
// The three modules are named because each is code that runs in every embedder.
func TestEmbeddersLinkLittle(t *testing.T) {
	race.Skip(t, "the go command does the work")
	for _, goos := range systems {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			modules := map[string]bool{}
			for _, p := range goList(t, goos, "-deps", ".") {
				path, ours := own(p.ImportPath)
				switch {
				case p.Standard:
				case ours:
					require.Contains(t, embedded, path)
				default:
					require.NotNil(t, p.Module, p.ImportPath)
					modules[p.Module.Path] = true
				}
			}
			require.Equal(t, map[string]bool{
				"github.com/klauspost/compress": true, "golang.org/x/mod": true, "golang.org/x/sys": true,
			}, modules)

			for _, p := range goList(t, goos, "-deps", "./trust") {
				ours := p.ImportPath == module+"/trust" || p.ImportPath == module+"/internal/jcs"
				require.True(t, p.Standard || ours, "trust leans on %s", p.ImportPath)
			}
		})
	}
}

// TestTUFTakesTheFormatsOnly: of go-tuf a program links the package that reads and
// verifies metadata, and not the client whose faults internal/tuf tells of.
func TestTUFTakesTheFormatsOnly(t *testing.T) {
	linked := map[string]bool{}
	for _, p := range goList(t, "linux", "-deps", "./trust/tuf", "./internal/testing/conformance") {
		if strings.HasPrefix(p.ImportPath, "github.com/theupdateframework/") {
			linked[p.ImportPath] = true
		}
	}
	require.Equal(t, map[string]bool{"github.com/theupdateframework/go-tuf/v2/metadata": true}, linked)
}

// TestArrowsAreSeenToBeWrong shows that the check is not vacuous.
func TestArrowsAreSeenToBeWrong(t *testing.T) {
	standard := func(path string) bool { return path == "fmt" }
	for _, test := range []struct {
		from, to string
		wrong    bool
	}{
		{"", "fmt", false},
		{"", module + "/trust", false},
		{"", module + "/signing", true},
		{"", module + "/keys", true},
		{"", module + "/repository", true},
		{"", module + "/internal/codec/bz2", true},
		{"", module + "/internal/term", true},
		{"", "github.com/sigstore/sigstore/pkg/signature", true},
		{"", "github.com/theupdateframework/go-tuf/v2/metadata", true},
		{"", "github.com/spf13/cobra", true},
		{"", "golang.org/x/sys/unix", false},
		{"", "golang.org/x/system", true},
		{"/trust", "golang.org/x/sys/unix", true},
		{"/trust", module + "/trust/tuf", true},
		{"/trust/tuf", module, false},
		{"/trust/tuf", "github.com/theupdateframework/go-tuf/v2/metadata", true},
		{"/trust/tuf", module + "/internal/testing/tufsim", true},
		{"/internal/tuf", module + "/internal/fetch", true},
		{"/internal/tuf/client", module, true},
		{"/cmd/update-repo", module + "/internal/testing/conformance", true},
		{"/internal/install", module + "/keys", true},
		{"/internal/codec", "github.com/dsnet/compress/bzip2", true},
		{"/keys", module + "/signing", true},
		{"/signing", module + "/keys", true},
		{"/repository", module + "/cmd/keygen", true},
		{"/cmd/keygen", module + "/keys", false},
		{"/cmd/keygen", module + "/internal/term", false},
		{"/cmd/keygen", module + "/cmd/update-repo", true},
		{"/cmd/keygen", module + "/cmd/keygen/internal/x", false},
		{"/new", "fmt", true},
	} {
		p := listed{ImportPath: module + test.from, Imports: []string{test.to}}
		require.Equal(t, test.wrong, len(misdrawn(p, standard)) > 0, "%s → %s", p.ImportPath, test.to)
	}
}

// goFiles hands every Go file of the repository to visit, nested modules
// included. Because it opens them all, the go command never serves a cached
// result of this package's tests after one of them changed.
func goFiles(t *testing.T, visit func(path string, source []byte)) {
	t.Helper()
	count := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (d.Name() == "testdata" || d.Name()[0] == '.') {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() || filepath.Ext(path) != ".go" {
			return nil
		}
		source, err := os.ReadFile(path)
		if err == nil {
			count++
			visit(filepath.ToSlash(path), source)
		}
		return err
	})
	require.NoError(t, err)
	require.Greater(t, count, 50, "the walk found too few files to mean anything")
}

func TestEveryFileNamesItsLicence(t *testing.T) {
	const header = "// Copyright (c) 2026, the go-updater contributors\n//\n// SPDX-License-Identifier: Apache-2.0\n\n"
	goFiles(t, func(path string, source []byte) {
		require.True(t, strings.HasPrefix(string(source), header), "%s does not begin with the licence header", path)
	})
}

// processWide is what a library must leave to the program around it: its
// streams, its exit, its flags, its shared HTTP client.
var processWide = map[string][]string{
	"flag":     {"*"},
	"log":      {"Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln", "Print", "Printf", "Println", "SetOutput", "SetFlags", "SetPrefix", "Default"},
	"log/slog": {"Default", "SetDefault"},
	"net/http": {"DefaultClient", "Get", "Head", "Post", "PostForm"},
	"os":       {"Stdin", "Stdout", "Stderr", "Exit", "Args"},
}

// excused are the uses that the API promises: TargetFile(os.Args[0]) means this program,
// as v0.1.0's documentation taught, the default logger writes to standard error, and
// Restart hands arguments and streams on.
var excused = []string{
	"options.go: os.Args", "compat.go: os.Stderr", "restart.go: os.Args",
	"restart_windows.go: os.Stdin", "restart_windows.go: os.Stdout", "restart_windows.go: os.Stderr",
}

// liberties names what a library's file does that only a program may.
func liberties(path string, source []byte) (faults []string, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	packages := map[string]string{}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		name := imported[strings.LastIndex(imported, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		packages[name] = imported
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				faults = append(faults, path+": func init")
			}
		case *ast.SelectorExpr:
			name, ok := n.X.(*ast.Ident)
			if !ok {
				break
			}
			banned := processWide[packages[name.Name]]
			if slices.Contains(banned, n.Sel.Name) || slices.Contains(banned, "*") {
				faults = append(faults, fmt.Sprintf("%s: %s.%s", path, name.Name, n.Sel.Name))
			}
		}
		return true
	})
	return slices.DeleteFunc(faults, func(f string) bool { return slices.Contains(excused, f) }), nil
}

func TestLibrariesLeaveTheProcessAlone(t *testing.T) {
	programs := append([]string{"internal/term", "compat"}, free...)
	goFiles(t, func(path string, source []byte) {
		if strings.HasSuffix(path, "_test.go") || below(path, programs) {
			return
		}
		faults, err := liberties(path, source)
		require.NoError(t, err)
		require.Empty(t, faults)
	})
}

func TestLibertiesAreSeen(t *testing.T) {
	for _, body := range []string{
		"import \"os\"\nvar in = os.Stdin", "import \"os\"\nfunc f() { os.Exit(1) }", "import \"log\"\nfunc f() { log.Fatalf(\"\") }",
		"import \"net/http\"\nvar c = http.DefaultClient", "import web \"net/http\"\nvar get = web.Get",
		"import \"flag\"\nvar v = flag.Bool(\"\", false, \"\")", "func init() {}",
	} {
		faults, err := liberties("a.go", []byte("package a\n"+body))
		require.NoError(t, err)
		require.Len(t, faults, 1, body)
	}
	faults, err := liberties("a.go", []byte("package a\nimport \"os\"\ntype t struct{}\nfunc (t) init() {}\nvar e = os.Executable"))
	require.NoError(t, err)
	require.Empty(t, faults)
}

// TestKeysLeavesPolicyAlone: package keys takes trust.Key, the one place that
// tells sound keys from unsound ones, and nothing that decides whom to trust.
func TestKeysLeavesPolicyAlone(t *testing.T) {
	policy := []string{"Policy", "NewPolicy", "Want", "Verified", "Verify", "InsecureVerifyUnsigned"}
	goFiles(t, func(path string, source []byte) {
		if !strings.HasPrefix(path, "keys/") || strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if name, ok := selector.X.(*ast.Ident); ok && name.Name == "trust" {
				require.NotContains(t, policy, selector.Sel.Name, "%s uses trust.%s", path, selector.Sel.Name)
			}
			return true
		})
	})
}
