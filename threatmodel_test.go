// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
)

var (
	threatRow   = regexp.MustCompile(`(?m)^\| T([0-9]+) \|(.*)\|$`)
	citedTest   = regexp.MustCompile("`([a-z0-9/]*/)?((?:Test|Fuzz|Example)[A-Za-z0-9_]*)`")
	citedThreat = regexp.MustCompile(`\bT-?([0-9]+)\b`)
)

// tree is what the Go files of the repository contain.
type tree struct {
	tests    map[string]bool     // by directory/name
	comments map[string][]string // by file
}

func readTree(t *testing.T) tree {
	t.Helper()
	found := tree{tests: map[string]bool{}, comments: map[string][]string{}}
	goFiles(t, func(name string, source []byte) {
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, group := range file.Comments {
			found.comments[name] = append(found.comments[name], group.Text())
		}
		if !strings.HasSuffix(name, "_test.go") {
			return
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				found.tests[path.Join(path.Dir(name), f.Name.Name)] = true
			}
		}
	})
	return found
}

// untrue returns what a threat model says about the tree that is not true.
func untrue(document string, found tree) (faults []string) {
	threats := map[string]bool{}
	for i, row := range threatRow.FindAllStringSubmatch(document, -1) {
		if row[1] != strconv.Itoa(i+1) {
			faults = append(faults, fmt.Sprintf("T%s is row %d of the threats", row[1], i+1))
		}
		threats[row[1]] = true
		if !citedTest.MatchString(row[2]) {
			faults = append(faults, fmt.Sprintf("T%s has no test", row[1]))
		}
	}
	for _, test := range citedTest.FindAllStringSubmatch(document, -1) {
		if !found.tests[path.Join(test[1], test[2])] {
			faults = append(faults, fmt.Sprintf("there is no %s%s", test[1], test[2]))
		}
	}
	found.comments["threatmodel.md"] = []string{document}
	for name, comments := range found.comments {
		for _, comment := range comments {
			for _, cited := range citedThreat.FindAllStringSubmatch(comment, -1) {
				if !threats[cited[1]] {
					faults = append(faults, fmt.Sprintf("%s cites %s, which is no threat", name, cited[0]))
				}
			}
		}
	}
	return faults
}

func TestThreatModelIsTrue(t *testing.T) {
	race.Skip(t, "one goroutine reads files")
	document, err := os.ReadFile("threatmodel.md")
	require.NoError(t, err)
	require.Greater(t, len(threatRow.FindAllString(string(document), -1)), 20)
	require.Empty(t, untrue(string(document), readTree(t)))
}

func TestUntrueThreatModelIsDetected(t *testing.T) {
	for document, fault := range map[string]string{
		"| T1 | x | `TestA` |\n| T2 | y | `trust/TestB` |": "",
		"| T2 | x | `TestA` |":                             "T2 is row 1",
		"| T1 | x | y |":                                   "T1 has no test",
		"| T1 | x | `TestC` |":                             "there is no TestC",
		"| T1 | x | `trust/TestA` |":                       "there is no trust/TestA",
		"| T1 | x | `TestA` |\nas T3 says":                 "cites T3",
		"| T1 | x | `TestA` |\n(`FuzzNone`)":               "there is no FuzzNone",
	} {
		faults := untrue(document, tree{
			tests:    map[string]bool{"TestA": true, "trust/TestB": true},
			comments: map[string][]string{"a.go": {"see T1"}},
		})
		if fault == "" {
			require.Empty(t, faults)
			continue
		}
		require.Contains(t, strings.Join(faults, "\n"), fault)
	}
	faults := untrue("", tree{comments: map[string][]string{"a.go": {"see T7"}}})
	require.Equal(t, []string{"a.go cites T7, which is no threat"}, faults)
}
