// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// edge is a delegation. The path "*" matches any without a slash.
type edge struct {
	from, to    string
	paths       []string
	terminating bool
}

func to(from, to string, paths ...string) edge {
	if len(paths) == 0 {
		paths = []string{"*"}
	}
	return edge{from, to, paths, false}
}

func last(e edge) edge {
	e.terminating = true
	return e
}

// grow publishes delegations, each with its own key, and returns the roles.
func (s *suite) grow(edges ...edge) (roles []string) {
	for _, e := range edges {
		if s.Roles[e.to] == nil {
			roles = append(roles, e.to)
		}
		s.Delegate(e.from, metadata.DelegatedRole{Name: e.to, Paths: e.paths, Terminating: e.terminating}, s.NewKey())
	}
	return roles
}

// Roles are searched in the order of delegation, each after its delegator, and none
// twice.
func TestSearchOrder(t *testing.T) {
	cases := map[string]func(s *suite){}
	for name, tc := range map[string]struct {
		edges []edge
		want  string
	}{
		"one":                                  {[]edge{to("targets", "A")}, "A"},
		"two beside each other":                {[]edge{to("targets", "A"), to("targets", "B")}, "A B"},
		"below the second":                     {[]edge{to("targets", "A"), to("targets", "B"), to("B", "C")}, "A B C"},
		"below the first":                      {[]edge{to("targets", "A"), to("targets", "B"), to("A", "C"), to("A", "D")}, "A C D B"},
		"deeper below the first":               {[]edge{to("targets", "A"), to("targets", "B"), to("A", "C"), to("C", "D")}, "A C D B"},
		"terminating":                          {[]edge{to("targets", "A"), to("targets", "B"), last(to("A", "C")), to("A", "D")}, "A C"},
		"terminating, but for what is below":   {[]edge{to("targets", "A"), to("targets", "B"), last(to("A", "C")), to("C", "D")}, "A C D"},
		"another path, and all below it":       {[]edge{to("targets", "A", "*.py"), to("targets", "B"), to("A", "C")}, "B"},
		"another path deeper down":             {[]edge{to("targets", "A"), to("targets", "B"), to("A", "C", "*.py"), to("C", "D")}, "A B"},
		"round in a circle":                    {[]edge{to("targets", "A"), to("targets", "B"), to("B", "C"), to("C", "D"), to("D", "B")}, "A B C D"},
		"two to one":                           {[]edge{to("targets", "A"), to("targets", "B"), to("B", "C"), to("A", "C")}, "A C B"},
		"two to one, one of another path":      {[]edge{to("targets", "A"), to("targets", "B"), to("B", "C"), to("A", "C", "*.py")}, "A B C"},
		"terminating for another path is none": {[]edge{last(to("targets", "A", "*.py")), to("targets", "B")}, "B"},
	} {
		cases[name] = func(s *suite) {
			s.start()
			s.PublishAll(append(s.grow(tc.edges...), targets)...)
			s.getsNot("missing")
			asked := s.Asked()
			require.GreaterOrEqual(s.t, len(asked), 4)
			want := strings.Fields(tc.want)
			for i := range want {
				want[i] = "1." + want[i]
			}
			require.Equal(s.t, want, asked[4:])
		}
	}
	each(t, cases)
}

func TestSearchFinds(t *testing.T) {
	cases := map[string]func(s *suite){}
	for path, tc := range map[string]struct {
		want  string
		found bool
	}{
		"top":              {"", true},
		"README.md":        {"A", true},
		"rel/x/x_v1":       {"B C", true},
		"rel/y/y_v1.zip":   {"B D", true},
		"rel/z/z_v1.zip":   {"B", false}, // D lists it, but no role delegates it to D
		"rel/y/deep/f.zip": {"", false},  // a star does not match a slash
		"rel/README.md":    {"", false},
		"foo-1.tgz":        {"A", true},
		"foo-alpha.tgz":    {"", false}, // a question mark is one character
		"README.MD":        {"", false},
	} {
		cases[path] = func(s *suite) {
			s.start()
			roles := s.grow(to("targets", "A", "*.doc", "*.md", "foo-?.tgz"), to("targets", "B", "rel/*/*"), to("B", "C", "rel/x/*"), to("B", "D", "rel/y/*.zip"))
			for role, file := range map[string]string{"targets": "top", "A": "README.md", "C": "rel/x/x_v1", "D": "rel/y/y_v1.zip"} {
				s.AddTarget(role, file, []byte("the file "+file))
			}
			for _, file := range []string{"rel/README.md", "foo-1.tgz", "foo-alpha.tgz"} {
				s.AddTarget("A", file, []byte("the file "+file))
			}
			s.AddTarget("D", "rel/z/z_v1.zip", []byte("not D's"))
			s.AddTarget("D", "rel/y/deep/f.zip", []byte("not D's"))
			s.PublishAll(append(roles, targets)...)
			var want []string
			for _, role := range strings.Fields(tc.want) {
				want = append(want, "1."+role)
			}
			if tc.found {
				s.gets(path)
				s.holds("the file " + path)
			} else {
				s.getsNot(path)
				s.holds()
			}
			asked := s.Asked()[4:]
			if tc.found {
				asked = asked[:len(asked)-1] // the file itself
			}
			require.Equal(s.t, append([]string{}, want...), append([]string{}, asked...))
		}
	}
	each(t, cases)
}

// C is signed by the key that A names, not by the one that B names. It is trusted for A
// and not for B, in one process or in two.
func TestTwoParents(t *testing.T) {
	build := func(s *suite) {
		s.start()
		roles := s.grow(to("targets", "A", "a/*"), to("targets", "B", "b/*"), to("A", "C", "a/*"))
		s.Delegate("B", metadata.DelegatedRole{Name: "C", Paths: []string{"b/*"}}, s.NewKey())
		s.Signers["C"] = s.Signers["C"][:1]
		s.AddTarget("C", "a/file", []byte("by A"))
		s.AddTarget("C", "b/file", []byte("by B"))
		s.PublishAll(append(roles, targets)...)
	}
	each(t, map[string]func(s *suite){
		"in one view": func(s *suite) {
			build(s)
			s.getsNot("a/file", "b/file")
			s.holds("by A")
		},
		"one after the other": func(s *suite) {
			build(s)
			s.gets("a/file")
			s.getsNot("b/file")
			s.holds("by A")
		},
		"signed for both": func(s *suite) {
			build(s)
			s.Signers["C"] = append(s.Signers["C"], s.NewKey())
			s.Roles["B"].Delegations.Keys[s.Signers["C"][1].ID] = s.Signers["C"][1].Public
			s.Roles["B"].Delegations.Roles[0].KeyIDs = []string{s.Signers["C"][1].ID}
			s.PublishAll("C", "B")
			s.gets("a/file", "b/file")
			s.holds("by A", "by B")
		},
	})
}

// A role that the snapshot does not name is not downloaded.
func TestRoleNotInTheSnapshot(t *testing.T) {
	each(t, map[string]func(s *suite){
		"delegated": func(s *suite) {
			s.start()
			s.Publish(append(s.grow(to("targets", "delegated")), targets)...)
			delete(s.Snapshot.Meta, "delegated.json")
			s.Publish(snapshot, timestamp)
			s.accepts()
			s.Asked()
			s.getsNot("missing")
			s.asked("2.root", "timestamp")
			s.trusts("root 1, snapshot 2, targets 2, timestamp 2")
		},
	})
}

// Names of roles are parts of URLs and file names. They must not lead elsewhere.
func TestRoleNames(t *testing.T) {
	cases := map[string]func(s *suite){}
	for role, asked := range map[string]string{
		"?": "1.%3F", "#": "1.%23", "/delegated": "1.%2Fdelegated", "../delegated": "1...%2Fdelegated", "a b%41": "1.a%20b%2541",
		strings.Repeat("long", 60): "1." + strings.Repeat("long", 60),
	} {
		cases[role] = func(s *suite) {
			s.start()
			s.PublishAll(append(s.grow(to("targets", role)), targets)...)
			s.getsNot("missing")
			require.Contains(s.t, s.Asked(), asked)
			s.trusts("role 1, root 1, snapshot 2, targets 2, timestamp 2")
			s.getsNot("missing")
			require.NotContains(s.t, s.Asked(), asked, "it is kept")
		}
	}
	each(t, cases)
}

func TestBins(t *testing.T) {
	each(t, map[string]func(s *suite){
		"succinct": func(s *suite) {
			s.start()
			s.Bins(targets, 4, "bin", s.NewKey())
			// The hex SHA-256 of "dir/file" begins with 2, that of "other/file" with d.
			s.AddTarget("bin-2", "dir/file", []byte("content"))
			s.AddTarget("bin-0", "other/file", []byte("in a bin that is not its own"))
			var bins []string
			for i := range 16 {
				bins = append(bins, fmt.Sprintf("bin-%x", i))
			}
			s.PublishAll(append(bins, targets)...)
			s.gets("dir/file")
			s.holds("content")
			require.Contains(s.t, s.Asked(), "1.bin-2")
			s.getsNot("other/file")
		},
		"path_hash_prefixes": func(s *suite) {
			s.start()
			s.Delegate(targets, metadata.DelegatedRole{Name: "low", PathHashPrefixes: []string{"0", "1", "2", "3", "4", "5", "6", "7"}}, s.NewKey())
			s.Delegate(targets, metadata.DelegatedRole{Name: "high", PathHashPrefixes: []string{"8", "9", "a", "b", "c", "d", "e", "f"}}, s.NewKey())
			s.AddTarget("low", "other/file", []byte("not its own"))
			s.AddTarget("high", "other/file", []byte("content"))
			s.PublishAll("low", "high", targets)
			s.gets("other/file")
			s.holds("content")
			require.NotContains(s.t, s.Asked(), "1.low")
		},
	})
}

func TestDownload(t *testing.T) {
	cases := map[string]func(s *suite){
		"a file": func(s *suite) {
			s.start()
			s.AddTarget(targets, "file.txt", []byte("content"))
			s.PublishAll(targets)
			s.accepts()
			s.holds()
			s.gets("file.txt")
			s.holds("content")
		},
		"a file in a directory": func(s *suite) {
			s.start()
			s.AddTarget(targets, "path/to/a/file.txt", []byte("content"))
			s.PublishAll(targets)
			s.gets("path/to/a/file.txt")
			s.holds("content")
		},
		"an exchanged file": func(s *suite) {
			s.start()
			s.AddTarget(targets, "one", []byte("content"))
			s.AddTarget(targets, "two", []byte("another"))
			s.PublishAll(targets)
			s.gets("one")
			s.Files["one"], s.Files["two"] = []byte("malice!"), []byte("malice!")
			s.downloadLater(0, "one")
			s.holds("content")
			s.getsNot("two")
			s.holds("content")
		},
		"a file that changes and changes": func(s *suite) {
			s.start()
			s.AddTarget(targets, "file", []byte("content"))
			s.PublishAll(targets)
			s.gets("file")
			held := []string{}
			for i := range 11 {
				now := fmt.Sprintf("content %d", i)
				s.AddTarget(targets, "file", []byte(now))
				s.AddTarget(targets, fmt.Sprintf("new-%d", i), []byte(fmt.Sprintf("new %d", i)))
				s.PublishAll(targets)
				if i%5 != 0 {
					continue
				}
				s.gets("file", fmt.Sprintf("new-%d", i))
				held = append(held, fmt.Sprintf("new %d", i))
				s.holds(append([]string{now}, held...)...)
				s.Files["file"] = []byte("malice " + now)
				s.PublishAll(targets)
				s.downloadLater(0, "file")
				s.holds(append([]string{now}, held...)...)
			}
		},
		"an unknown kind of hash": func(s *suite) {
			s.AddTarget(targets, "file", []byte("content"), "sha512")
			info := s.Targets().Targets["file"]
			info.Hashes["unknown"] = info.Hashes["sha512"]
			delete(info.Hashes, "sha512")
			s.PublishAll(targets)
			s.start()
			s.getsNot("file")
			s.holds()
		},
		"a file that is there": func(s *suite) {
			s.AddTarget(targets, "file", []byte("content"))
			s.PublishAll(targets)
			s.start()
			s.gets("file")
			s.Asked()
			s.gets("file")
			s.asked("2.root", "timestamp")
			s.holds("content")
		},
	}
	for _, hashes := range [][]string{{"sha256"}, {"sha512"}, {"sha256", "sha512"}} {
		cases["with "+strings.Join(hashes, " and ")] = func(s *suite) {
			s.AddTarget(targets, "file", []byte("content"), hashes...)
			s.PublishAll(targets)
			s.start()
			s.gets("file")
			s.holds("content")
			all := s.Asked()
			prefix, _, _ := strings.Cut(strings.TrimPrefix(all[len(all)-1], "/"), ".")
			require.Equal(s.t, s.Targets().Targets["file"].Hashes[hashes[0]].String(), prefix)
		}
	}
	for _, path := range []string{"with space", "a?b#c", "100%", "d%2Fe/f", "umlaut-ä", "a;b&c=d+e"} {
		cases["called "+path] = func(s *suite) {
			s.AddTarget(targets, path, []byte("content"))
			s.PublishAll(targets)
			s.start()
			s.gets(path)
			s.holds("content")
		}
	}
	each(t, cases)
}
