// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package agree

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func sortedNames(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }

// bytesDamaged returns versions of a file that no format expects.
func bytesDamaged(content []byte) map[string][]byte {
	flipped := func(at int) []byte {
		changed := bytes.Clone(content)
		changed[at] ^= 0x04
		return changed
	}
	middle := len(content) / 2
	return map[string][]byte{
		"empty":               {},
		"cut in half":         content[:middle],
		"cut by a byte":       content[:len(content)-1],
		"with a blank":        append(bytes.Clone(content), ' '),
		"with 20 kB of blank": append(bytes.Clone(content), bytes.Repeat([]byte(" "), 20_000)...),
		"twice":               append(bytes.Clone(content), content...),
		"changed first":       flipped(0),
		"changed in middle":   flipped(middle),
		"changed last":        flipped(len(content) - 2),
		"with a BOM":          append([]byte("\xef\xbb\xbf"), content...),
		"a login page":        []byte("<html>log in</html>"),
	}
}

// jsonDamaged returns versions of a JSON document that are JSON: with members added,
// values changed, and written differently.
func jsonDamaged(t *testing.T, content []byte) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, content, "", "     "))
	all["indented"] = indented.Bytes()
	text := string(content)
	for i, at := range objects(text) {
		all[fmt.Sprintf("with a member added to object %d", i)] = []byte(text[:at] + `"added":1,` + text[at:])
		all[fmt.Sprintf("with null roles in object %d", i)] = []byte(text[:at] + `"roles":null,` + text[at:])
	}
	for i, span := range values(text) {
		value := text[span[0]:span[1]]
		for what, changed := range changedValues(value) {
			all[fmt.Sprintf("with value %d %s", i, what)] = []byte(text[:span[0]] + changed + text[span[1]:])
		}
	}
	return all
}

// objects returns where the members of each object that is not empty begin.
func objects(text string) (all []int) {
	inText := false
	for i := 0; i < len(text); i++ {
		switch {
		case inText && text[i] == '\\':
			i++
		case text[i] == '"':
			inText = !inText
		case !inText && text[i] == '{' && !strings.HasPrefix(strings.TrimLeft(text[i+1:], " \n"), "}"):
			all = append(all, i+1)
		}
	}
	return all
}

// values returns the spans of all strings, numbers and truth values that are not
// names of members.
func values(text string) (all [][2]int) {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end := i + 1
			for text[end] != '"' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			end++
			if !strings.HasPrefix(strings.TrimLeft(text[end:], " \n"), ":") {
				all = append(all, [2]int{i, end})
			}
			i = end
		case c >= '0' && c <= '9' || c == '-' || c >= 'a' && c <= 'z':
			end := i
			for end < len(text) && strings.IndexByte(",}] \n", text[end]) < 0 {
				end++
			}
			all = append(all, [2]int{i, end})
			i = end
		default:
			i++
		}
	}
	return all
}

func changedValues(value string) map[string]string {
	switch {
	case value == "true":
		return map[string]string{"false": "false"}
	case value == "false":
		return map[string]string{"true": "true"}
	case value[0] == '"':
		inner := value[1 : len(value)-1]
		if inner == "" {
			return map[string]string{"longer": `"x"`}
		}
		// Another character of the same kind, so that it stays hex or base64.
		last := inner[len(inner)-1]
		next := byte('1')
		if last == '1' {
			next = '2'
		}
		return map[string]string{"changed": `"` + inner[:len(inner)-1] + string(next) + `"`, "null": "null"}
	}
	return map[string]string{"larger": value + "1", "null": "null"}
}
