// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/trust"
)

// Names that mean something else on some system: a traversal, another directory, a
// device, or another name.
var badNames = []string{
	"", ".", "..", "../x", "/x", `\x`, `a\b`, "%2e%2e", "a%2fb", "a\x00b", "a\nb", "a\rb", "\x1b[31m", "a\tb",
	`a"b`, "a'b", "a`b", "a b", " a", "a ", "a.", "a..", "a..b", ".a", "-a", "_a", "+a", "a:b", "a*b", "a?b",
	"a|b", "a<b", "a>b", "a$b", "a;b", "a&b", "a#b", "a@b", "a~1", "é", "ａ", "a\u0301", "a\u200b", "a\u202eb", "\xff",
	"CON", "con", "CoN.txt", "PRN", "AUX", "aux.tar.gz", "NUL", "nul.bz2", "COM1", "com1.txt", "COM0", "com9", "LPT1", "lpt9.x",
}

var goodNames = []string{"a", "A", "0", "a.b", "a-b", "a_b", "a+b", "a--b", "con1", "com", "com10", "com1-a", "lptx", "console", "xcon", "x.con", "1.2.3-rc.1+build.5"}

func TestCheckName(t *testing.T) {
	for _, s := range append(goodNames, strings.Repeat("a", 128), "channels") {
		require.NoError(t, trust.CheckName(s), "%q", s)
	}
	for _, s := range append(badNames, "a/b", strings.Repeat("a", 129)) {
		require.ErrorIs(t, trust.CheckName(s), trust.ErrMalformed, "%q", s)
	}
}

func TestCheckVersion(t *testing.T) {
	for _, s := range append(goodNames, "1.2.3", "v1.2.3", "20261123", strings.Repeat("1", 128), "channel") {
		require.NoError(t, trust.CheckVersion(s), "%q", s)
	}
	for _, s := range append(badNames, "1/2", strings.Repeat("1", 129), "channels", "Channels", "metadata", "METADATA") {
		require.ErrorIs(t, trust.CheckVersion(s), trust.ErrMalformed, "%q", s)
	}
}

func TestCheckPlatform(t *testing.T) {
	for _, s := range []string{"linux", "amd64", "386", "mips64p32le", "js", strings.Repeat("a", 32)} {
		require.NoError(t, trust.CheckPlatform(s, "amd64"), "%q", s)
		require.NoError(t, trust.CheckPlatform("linux", s), "%q", s)
	}
	for _, s := range append(badNames, "a/b", "Linux", "AMD64", "a.b", "a-b", "a_b", "a+b", strings.Repeat("a", 33)) {
		require.ErrorIs(t, trust.CheckPlatform(s, "amd64"), trust.ErrMalformed, "%q", s)
		require.ErrorIs(t, trust.CheckPlatform("linux", s), trust.ErrMalformed, "%q", s)
	}
}

func TestCheckPath(t *testing.T) {
	long := strings.Repeat("a", 127)
	for _, s := range append(goodNames, "a/b", "a/b/c.bz2", long+"/"+long, strings.Repeat("a", 255), "release.json.bz2", "xrelease.json", "a/release.json") {
		require.NoError(t, trust.CheckPath(s), "%q", s)
	}
	for _, s := range append(badNames,
		"a/../b", "a/./b", "a//b", "a/", "//a", "./a", "a/.b", "a/b.", "a/CON/b", "a/%2e%2e/b", "a/b\\c", "https://example.net/a",
		long+"/"+long+"a", strings.Repeat("a", 256), "release.json", "Release.JSON", "release.json/a",
	) {
		require.ErrorIs(t, trust.CheckPath(s), trust.ErrMalformed, "%q", s)
	}
}

// Errors quote a refused name, and not at length (T17).
func TestRefusedNamesAreQuoted(t *testing.T) {
	for _, s := range []string{"\x1b]0;x\a", "a\nb", "\u202e", strings.Repeat("\x1b", 100_000)} {
		for _, err := range []error{trust.CheckName(s), trust.CheckVersion(s), trust.CheckPlatform(s, "a"), trust.CheckPath(s)} {
			require.ErrorIs(t, err, trust.ErrMalformed)
			require.Less(t, len(err.Error()), 500)
			require.NotContains(t, err.Error(), "\x1b")
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "\u202e")
		}
	}
}

// remove is the value of a field that is missing.
type remove struct{}

func replace(m member, name string, value any) member {
	if value == (remove{}) {
		return without(m, name)
	}
	return with(m, name, value)
}

// badFields are values that the fields of a release must not have.
func badFields() map[string][]any {
	hash := strings.Repeat("0a", 32)
	return map[string][]any{
		"format":    {remove{}, nil, "1", 0, 2, -1, true},
		"name":      {remove{}, nil, 1, "", "../x", "a/b", strings.Repeat("a", 129)},
		"version":   {remove{}, nil, 1, "", "1/2", "channels"},
		"os":        {remove{}, nil, 1, "", "Linux", "../x"},
		"arch":      {remove{}, nil, 1, "", "amd-64", "../x"},
		"binary":    {remove{}, nil, 1, "", "../x", "release.json", "other.bz2", []any{}},
		"hash":      {remove{}, nil, 1, "", hash[:63], hash + "0", strings.ToUpper(hash), "g" + hash[1:], hash[:32] + "g" + hash[33:]},
		"size":      {remove{}, nil, "1", 0, -1},
		"artifacts": {remove{}, nil, "x", member{}, []any{}, []any{nil}, []any{"x"}, []any{[]any{}}},
		"released": {remove{}, nil, 1, "", "2026-11-23", "2026-11-23T10:00:00", "2026-11-23T10:00:00+00:00", "2026-11-23T11:00:00+01:00",
			"2026-11-23t10:00:00z", "2026-11-23 10:00:00Z", "2026-11-23T10:00:00.5Z", "2026-11-23T10:00:00,5Z", "2026-11-23T10:00:00.000Z",
			"2026-11-23T10:00:60Z", "2026-11-31T10:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T1:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "12026-11-23T10:00:00Z",
			"2027-11-23T10:00:00Z", "2027-11-23T10:00:01Z"},
		"expires": {remove{}, nil, 1, "", "2027-11-23T10:00:00+00:00", "2027-11-23T10:00:00.5Z", "2026-11-23T10:00:00Z", "2026-11-23T09:59:59Z"},
	}
}

// In a document that a trusted key signed.
func TestBadFieldsAreRefused(t *testing.T) {
	a := newTestKey("a")
	require.Len(t, badFields(), len(release()))
	for name, values := range badFields() {
		for _, value := range values {
			t.Run(fmt.Sprintf("%s=%.30v", name, value), func(t *testing.T) {
				m := replace(release(), name, value)
				v, err := trust.Verify(signed(m, a), policy(1, a), want())
				requireRefused(t, v, err, trust.ErrMalformed)
				require.ErrorContains(t, err, strings.TrimSuffix(name, "s"))
				if reflect.TypeOf(value) != reflect.TypeOf(release()[name]) {
					require.ErrorContains(t, err, fmt.Sprintf("field %q is missing or of another type", name))
				}
				if name != "format" { // without a format it is a document of v0.1.0
					v, err = trust.InsecureVerifyUnsigned(write(m), want())
					requireRefused(t, v, err, trust.ErrMalformed)
				}
			})
		}
	}
}

// In a second artifact, because the first one is also checked as the binary.
func TestBadArtifactFieldsAreRefused(t *testing.T) {
	a := newTestKey("a")
	second := with(artifact(), "path", "choria.zst")
	document := func(items ...any) []byte { return signed(with(release(), "artifacts", items), a) }
	_, err := trust.Verify(document(artifact(), second), policy(1, a), want())
	require.NoError(t, err)

	hash := strings.Repeat("0b", 32)
	for name, values := range map[string][]any{
		"path":     {remove{}, nil, 1, "", "../x", "/x", "a/../b", "release.json", artifact()["path"], "Choria-Linux-amd64-1.2.3.BZ2"},
		"encoding": {remove{}, nil, 1, "", "a/b", "bzip2 ", strings.Repeat("z", 33)},
		"size":     {remove{}, nil, "1", 0, -1},
		"hash":     {remove{}, nil, 1, "", hash[:63], strings.ToUpper(hash)},
		"from":     {nil, 1, "", hash[:63], strings.ToUpper(hash)},
	} {
		for _, value := range values {
			t.Run(fmt.Sprintf("%s=%.30v", name, value), func(t *testing.T) {
				bad := replace(second, name, value)
				v, err := trust.Verify(document(artifact(), bad), policy(1, a), want())
				requireRefused(t, v, err, trust.ErrMalformed)
				require.ErrorContains(t, err, "artifact 1")
				require.ErrorContains(t, err, name)
			})
		}
	}
	t.Run("from", func(t *testing.T) {
		_, err := trust.Verify(document(artifact(), with(second, "from", hash)), policy(1, a), want())
		require.NoError(t, err)
	})
	t.Run("binary that is a patch", func(t *testing.T) {
		v, err := trust.Verify(document(with(artifact(), "from", hash), second), policy(1, a), want())
		requireRefused(t, v, err, trust.ErrMalformed)
		require.ErrorContains(t, err, "binary")
	})
	t.Run("number of artifacts", func(t *testing.T) {
		items := []any{artifact()}
		for i := range 63 {
			items = append(items, with(artifact(), "path", fmt.Sprintf("a%d", i)))
		}
		v, err := trust.Verify(document(items...), policy(1, a), want())
		require.NoError(t, err)
		require.Len(t, v.Release.Artifacts, 64)
		v, err = trust.Verify(document(append(items, with(artifact(), "path", "one-more"))...), policy(1, a), want())
		requireRefused(t, v, err, trust.ErrMalformed)
		require.ErrorContains(t, err, "65 artifacts")
	})
}

// Publishers validate a Release before they write it: Validate also refuses values
// that no document can hold.
func TestValidate(t *testing.T) {
	sound := func() *trust.Release {
		v, err := trust.InsecureVerifyUnsigned(write(release()), want())
		require.NoError(t, err)
		return &v.Release
	}
	require.NoError(t, sound().Validate())
	for name, change := range map[string]func(*trust.Release){
		"zero released":     func(r *trust.Release) { r.Released = time.Time{} },
		"zero expires":      func(r *trust.Release) { r.Expires = time.Time{} },
		"local time":        func(r *trust.Release) { r.Released = r.Released.In(time.FixedZone("", 3600)) },
		"parts of a second": func(r *trust.Release) { r.Expires = r.Expires.Add(time.Millisecond) },
		"year 10000":        func(r *trust.Release) { r.Expires = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"year 0":            func(r *trust.Release) { r.Released = time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC) },
		"size of 2^53":      func(r *trust.Release) { r.Size = 1 << 53 },
		"artifact of 2^53":  func(r *trust.Release) { r.Artifacts[0].Size = 1 << 53 },
		"from that is no hash": func(r *trust.Release) {
			r.Artifacts = append(r.Artifacts, trust.Artifact{Path: "p", Encoding: "e", Size: 1, Hash: r.Hash, From: "x"})
		},
		"format 2": func(r *trust.Release) { r.Format = 2 },
		"nothing":  func(r *trust.Release) { *r = trust.Release{} },
	} {
		t.Run(name, func(t *testing.T) {
			r := sound()
			change(r)
			require.ErrorIs(t, r.Validate(), trust.ErrMalformed)
		})
	}
}

// Publishers marshal a Release: its tags are the names that Verify reads.
func TestReleaseIsMarshalledAsItIsRead(t *testing.T) {
	a := newTestKey("a")
	m := with(release(), "artifacts", []any{artifact(), with(with(artifact(), "path", "a.patch"), "from", strings.Repeat("0c", 32))})
	v, err := trust.Verify(signed(m, a), policy(1, a), want())
	require.NoError(t, err)
	raw, err := json.Marshal(v.Release)
	require.NoError(t, err)
	require.Equal(t, string(canonical(write(m))), string(canonical(raw)))
}
