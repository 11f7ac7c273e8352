// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/codec/bz2"
	"github.com/choria-io/go-updater/internal/testing/jsoncases"
	"github.com/choria-io/go-updater/trust"
)

var update = flag.Bool("update", false, "regenerate the golden files of testdata")

// generated is the content of testdata by path, except for its README.
type generated map[string][]byte

func (g generated) vector(kind, name, expect string, v *vector) {
	v.header = append([]field{{"expect", expect}, {"comment", name}}, v.header...)
	file := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name)), "-")
	for strings.Contains(file, "--") {
		file = strings.ReplaceAll(file, "--", "-")
	}
	prefix := "invalid"
	if expect == "accept" {
		prefix = "valid"
	}
	path := fmt.Sprintf("vectors/%s/%s-%s.vector", kind, prefix, file)
	if g[path] != nil {
		panic("two vectors are called " + path)
	}
	g[path] = v.format()
}

// accepted adds a vector that is accepted, with the results of its runner.
func (g generated) accepted(kind, name string, v *vector) {
	v.header = append(v.header, must(runners[kind](v))...)
	g.vector(kind, name, "accept", v)
}

func sentinelName(err error) string {
	for name, sentinel := range sentinels {
		if sentinel == err {
			return name
		}
	}
	panic(err)
}

func generate() generated {
	g := generated{}
	g.canonical()
	g.keys()
	g.releases()
	for _, tt := range paeCases() {
		g.vector("pae", tt.name, "accept", &vector{
			header: []field{{"type", tt.payloadType}, {"output-hex", hex.EncodeToString([]byte(tt.out))}}, input: []byte(tt.body),
		})
	}
	g.repository()
	return g
}

// The outputs are those of the table, not what the code yields.
func (g generated) canonical() {
	for _, tt := range jsoncases.Canonical() {
		g.vector("canonical", tt.Name, "accept", &vector{header: []field{{"output", tt.Out}}, input: []byte(tt.In)})
	}
	g.vector("canonical", "size", "ErrMalformed", &vector{input: []byte(padded(trust.MaxDocument + 1))})
	for _, tt := range jsoncases.Strict() {
		if len(tt.Bad) <= trust.MaxDocument { // larger ones are refused for their size
			g.vector("canonical", tt.Name, "ErrMalformed", &vector{input: []byte(tt.Bad)})
		}
	}
	for i, number := range jsoncases.Floats() {
		g.vector("canonical", fmt.Sprintf("RFC 8785 float %02d, %s", i, number), "ErrMalformed", &vector{input: []byte(`{"numbers":[` + number + `]}`)})
	}
	g.vector("canonical", "RFC 8785 §3.2.2 whole, with its floats", "ErrMalformed", &vector{input: []byte(`{
  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
  "literals": [null, true, false]
}`)})
}

func (g generated) keys() {
	for _, tt := range keysCases() {
		g.accepted("keys", tt.name, &vector{input: []byte(tt.in)})
	}
	for _, tt := range badKeysCases() {
		g.vector("keys", tt.name, "ErrBadKey", &vector{input: []byte(tt.in)})
	}
	for i, text := range slices.Concat(lowOrderKeys, nonCanonicalLowOrderKeys) {
		g.vector("keys", fmt.Sprintf("point of low order %02d, %s", i, text[:4]), "ErrBadKey", &vector{input: must(hex.DecodeString(text))})
	}
	offCurve, aboveP := make([]byte, 32), bytes.Repeat([]byte{0xff}, 32)
	offCurve[0], aboveP[0], aboveP[31] = 2, 0xf0, 0x7f
	g.vector("keys", "no point of the curve, y = 2", "ErrBadKey", &vector{input: offCurve})
	g.vector("keys", "y = p + 3, not canonical", "ErrBadKey", &vector{input: aboveP})
}

// asking returns a vector of a release document with the header lines of want, except
// for changes.
func asking(document []byte, threshold int, keys []testKey, changes ...field) *vector {
	v := &vector{input: document}
	v.add("threshold", fmt.Sprint(threshold))
	for _, k := range keys {
		v.add("key", k.String())
	}
	w := want()
	for _, f := range []field{
		{"name", w.Name}, {"version", w.Version}, {"os", w.OS}, {"arch", w.Arch}, {"now", w.Now.Format("2006-01-02T15:04:05Z")},
	} {
		i := slices.IndexFunc(changes, func(c field) bool { return c.name == f.name })
		if i >= 0 {
			f = changes[i]
			changes = slices.Delete(slices.Clone(changes), i, i+1)
		}
		v.header = append(v.header, f)
	}
	v.header = append(v.header, changes...)
	return v
}

// brief returns the value of a field for a comment.
func brief(value any) string {
	if value == (remove{}) {
		return "missing"
	}
	return fmt.Sprintf("%.40s", write(value))
}

func (g generated) releases() {
	a, b, c := newTestKey("a"), newTestKey("b"), newTestKey("c")
	one := []testKey{a}
	add := func(name string, sentinel error, v *vector) {
		if sentinel == nil {
			g.accepted("releases", name, v)
			return
		}
		g.vector("releases", name, sentinelName(sentinel), v)
	}
	for _, tt := range signatureCases() {
		add("signature, "+tt.name, tt.sentinel, asking(write(with(release(), "signature", tt.signature)), 1, one))
	}
	for _, tt := range thresholdCases() {
		add("threshold, "+tt.name, tt.sentinel, asking(tt.document, tt.threshold, []testKey{a, b, c}))
	}
	fields := badFields()
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		for i, value := range fields[name] {
			add(fmt.Sprintf("field %s %02d, %s", name, i, brief(value)), trust.ErrMalformed, asking(signed(replace(release(), name, value), a), 1, one))
		}
	}
	for i, path := range []string{"../x", "/x", "a/../b", "%2e%2e", `a\b`, "a\x00b", "a\nb", `a"b`, "CON", "com1.txt", "a.", "a ", "release.json", "Release.json"} {
		m := with(with(release(), "binary", path), "artifacts", []any{with(artifact(), "path", path)})
		add(fmt.Sprintf("path %02d, %s", i, brief(path)), trust.ErrMalformed, asking(signed(m, a), 1, one))
	}
	twin := with(artifact(), "path", strings.ToUpper(artifact()["path"].(string)))
	add("paths that differ in case", trust.ErrMalformed, asking(signed(with(release(), "artifacts", []any{artifact(), twin}), a), 1, one))
	add("unknown members, covered", nil, asking(signed(with(with(release(), "serial", 7), "notes", member{"a": []any{nil}}), a), 1, one))
	changed := bytes.Replace(signed(with(release(), "serial", 7), a), []byte(`"serial":7`), []byte(`"serial":8`), 1)
	add("unknown member changed", trust.ErrSignature, asking(changed, 1, one))
	spaced := must(json.MarshalIndent(json.RawMessage(signed(release(), a)), "", "  "))
	add("white space", nil, asking(spaced, 1, one))
	add("members of v0.1.0 only, signed", trust.ErrMalformed, asking(signed(member{"binary": "a.bz2", "hash": strings.Repeat("0a", 32)}, a), 1, one))

	document := signed(release(), a)
	for _, tt := range []struct {
		name     string
		sentinel error
		changes  []field
	}{
		{"name not asked for", nil, []field{{"name", ""}}},
		{"another product", trust.ErrMismatch, []field{{"name", "nats"}}},
		{"another version", trust.ErrMismatch, []field{{"version", "1.2.4"}}},
		{"another OS", trust.ErrMismatch, []field{{"os", "windows"}}},
		{"another architecture", trust.ErrMismatch, []field{{"arch", "arm64"}}},
		{"a second before expiry", nil, []field{{"now", "2027-11-23T09:59:59Z"}}},
		{"at expiry", trust.ErrExpired, []field{{"now", "2027-11-23T10:00:00Z"}}},
		{"a second after expiry", trust.ErrExpired, []field{{"now", "2027-11-23T10:00:01Z"}}},
		{"the skew before release", nil, []field{{"now", "2026-11-23T09:50:00Z"}}},
		{"more than the skew before release", trust.ErrExpired, []field{{"now", "2026-11-23T09:49:59Z"}}},
		{"clock at 1970", trust.ErrExpired, []field{{"now", "1970-01-01T00:00:00Z"}}},
		{"clock at 2076", trust.ErrExpired, []field{{"now", "2076-01-01T00:00:00Z"}}},
		{"clock set back behind expiry", trust.ErrExpired, []field{{"last-seen", "2027-11-23T10:00:00Z"}}},
		{"clock set back before expiry", nil, []field{{"last-seen", "2027-11-23T09:59:59Z"}}},
		{"an older one runs", nil, []field{{"running", "1.2.2"}}},
		{"the same runs", nil, []field{{"running", "1.2.3"}}},
		{"a newer one runs", trust.ErrRollback, []field{{"running", "1.2.10"}}},
		{"a newer one runs, downgrade allowed", nil, []field{{"running", "1.2.10"}, {"allow-downgrade", "yes"}}},
		{"a version without order runs", nil, []field{{"running", "build-7"}}},
		{"a newer one accepted", trust.ErrRollback, []field{{"accepted-version", "1.3.0-rc.1"}, {"accepted-released", "2026-11-01T00:00:00Z"}}},
		{"an older one accepted", nil, []field{{"accepted-version", "1.2.2"}, {"accepted-released", "2026-11-30T00:00:00Z"}}},
		{"the same accepted", nil, []field{{"accepted-version", "1.2.3"}, {"accepted-released", "2026-11-23T10:00:00Z"}}},
		{"the same accepted, released later", trust.ErrRollback, []field{{"accepted-version", "1.2.3"}, {"accepted-released", "2026-11-23T10:00:01Z"}}},
		{"the same accepted with v, released later", trust.ErrRollback, []field{{"accepted-version", "v1.2.3"}, {"accepted-released", "2026-11-23T10:00:01Z"}}},
	} {
		add("asked, "+tt.name, tt.sentinel, asking(document, 1, one, tt.changes...))
	}
}

// repository adds a small repository in the layout of docs/release-format.md. The key
// that signed it is beside it, not in it.
func (g generated) repository() {
	key := newTestKey("repository")
	g["TEST-KEY-DO-NOT-USE.pub"] = key.PEM()
	g["TEST-KEY-DO-NOT-USE.key"] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key.private))})

	for version, released := range map[string]string{"1.2.2": "2026-01-02T03:04:05Z", "1.2.3": "2026-02-03T04:05:06Z"} {
		for _, system := range []string{"linux", "windows"} {
			at, dir := at(released), "repository/"+version+"/"+system+"/amd64/"
			binary := fmt.Appendf(nil, "#!/bin/sh\necho choria %s for %s/amd64\n", version, system)
			path := fmt.Sprintf("choria-%s-amd64-%s.bz2", system, version)
			packed := bzip2(binary)
			r := trust.Release{
				Format: trust.ReleaseFormat, Name: "choria", Version: version, OS: system, Arch: "amd64",
				Binary: path, Hash: hexSum(binary), Size: int64(len(binary)), Released: at, Expires: at.AddDate(70, 0, 0),
				Artifacts: []trust.Artifact{{Path: path, Encoding: "bzip2", Size: int64(len(packed)), Hash: hexSum(packed)}},
			}
			document := struct {
				trust.Release
				Signature string `json:"signature"`
			}{r, key.sign(write(r))}
			g[dir+path] = packed
			g[dir+"release.json"] = append(must(json.MarshalIndent(document, "", "  ")), '\n')
		}
	}
}

func bzip2(content []byte) []byte {
	var out bytes.Buffer
	w := must(bz2.NewWriter(&out))
	must(w.Write(content))
	must(0, w.Close())
	return out.Bytes()
}

func hexSum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// TestGolden compares testdata with what generate returns, or regenerates it with
// -update.
func TestGolden(t *testing.T) {
	root := filepath.Join("..", "testdata")
	g := generate()
	if *update {
		for _, dir := range []string{"vectors", "repository"} {
			require.NoError(t, os.RemoveAll(filepath.Join(root, dir)))
		}
		for path, content := range g {
			path = filepath.Join(root, filepath.FromSlash(path))
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, content, 0o644))
		}
	}
	found := generated{}
	require.NoError(t, fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		top, _, _ := strings.Cut(path, "/")
		if err != nil || d.IsDir() || top != "vectors" && top != "repository" && !strings.HasPrefix(top, "TEST-KEY") {
			return err
		}
		found[path], err = os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
		return err
	}))
	const again = "regenerate testdata with: go test ./trust -run TestGolden -update"
	for path := range found {
		require.True(t, g[path] != nil, "%s: %s", path, again)
	}
	for path, content := range g {
		require.True(t, bytes.Equal(content, found[path]), "%s: %s", path, again)
	}
}
