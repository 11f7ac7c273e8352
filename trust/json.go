// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// MaxDocument is the size limit of a document, in bytes.
	MaxDocument = 64 << 10

	maxDepth   = 8
	maxInteger = 1<<53 - 1
)

// object is a parsed document: its values are nil, bool, int64, string, []any
// and object, so that each has exactly one canonical form.
type object = map[string]any

// parse reads strict JSON: I-JSON (RFC 7493) narrowed to what documents need.
// encoding/json finds the tokens; what it is lenient about, and what other
// parsers read otherwise, is refused: two readers of one document must never
// see two things.
func parse(document []byte) (object, error) {
	if len(document) > MaxDocument {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrMalformed, MaxDocument)
	}
	if !utf8.Valid(document) {
		return nil, fmt.Errorf("%w: not valid UTF-8", ErrMalformed)
	}
	// Valid also refuses data after the first value.
	if !json.Valid(document) {
		return nil, fmt.Errorf("%w: not JSON", ErrMalformed)
	}
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	v, err := parseValue(dec, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: before byte %d: %w", ErrMalformed, dec.InputOffset(), err)
	}
	doc, ok := v.(object)
	if !ok {
		return nil, fmt.Errorf("%w: not a JSON object", ErrMalformed)
	}
	return doc, nil
}

func parseValue(dec *json.Decoder, depth int) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if depth == maxDepth {
			return nil, fmt.Errorf("nested deeper than %d", maxDepth)
		}
		if t == '{' {
			return parseObject(dec, depth+1)
		}
		return parseArray(dec, depth+1)
	case json.Number:
		return parseInteger(string(t))
	case string:
		return t, checkText(t)
	}
	return token, nil
}

func parseObject(dec *json.Decoder, depth int) (object, error) {
	o := make(object)
	seen := make(map[string]bool)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name := token.(string) // json.Valid saw to it
		if err := checkText(name); err != nil {
			return nil, err
		}
		// encoding/json, in clients of v0.1.0, takes "HASH" and "haſh" for
		// "hash": a twin would be another document to them.
		if seen[fold(name)] {
			return nil, fmt.Errorf("member %.64q appears twice", name)
		}
		seen[fold(name)] = true
		if o[name], err = parseValue(dec, depth); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token() // the closing brace
	return o, err
}

func parseArray(dec *json.Decoder, depth int) ([]any, error) {
	var items []any
	for dec.More() {
		item, err := parseValue(dec, depth)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := dec.Token() // the closing bracket
	return items, err
}

// parseInteger refuses floats rather than to round them, and what a float64
// of another parser could not hold (RFC 7493 §2.2).
func parseInteger(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxInteger || n < -maxInteger || s == "-0" {
		return 0, fmt.Errorf("number %.32q is not an integer below 2^53", s)
	}
	return n, nil
}

// checkText refuses U+FFFD: encoding/json puts it where a lone surrogate was
// escaped, which has no canonical form (RFC 8785 §3.2.2.2).
func checkText(s string) error {
	if strings.ContainsRune(s, unicode.ReplacementChar) {
		return fmt.Errorf("text %.64q holds a lone surrogate or U+FFFD", s)
	}
	return nil
}

// fold maps every rune to the least of those that Unicode simple folding
// takes for the same, as encoding/json matches member names.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}

// appendCanonical appends the RFC 8785 form of what parse returned.
func appendCanonical(out []byte, v any) []byte {
	switch v := v.(type) {
	case int64:
		return strconv.AppendInt(out, v, 10)
	case string:
		return appendString(out, v)
	case []any:
		out = append(out, '[')
		for i, item := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendCanonical(out, item)
		}
		return append(out, ']')
	case object:
		// RFC 8785 §3.2.3: in the order of the names' UTF-16 code units.
		names := slices.SortedFunc(maps.Keys(v), func(a, b string) int {
			return slices.CompareFunc(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)), cmp.Compare[uint16])
		})
		out = append(out, '{')
		for i, name := range names {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendString(out, name), ':')
			out = appendCanonical(out, v[name])
		}
		return append(out, '}')
	}
	if v == nil {
		return append(out, "null"...)
	}
	return strconv.AppendBool(out, v.(bool))
}

// appendString escapes what RFC 8785 §3.2.2.2 names, and nothing else.
func appendString(out []byte, s string) []byte {
	const escaped, names = "\b\t\n\f\r\"\\", `btnfr"\`
	out = append(out, '"')
	for i := range len(s) {
		switch at := strings.IndexByte(escaped, s[i]); {
		case at >= 0:
			out = append(out, '\\', names[at])
		case s[i] < 0x20:
			out = fmt.Appendf(out, `\u%04x`, s[i])
		default:
			out = append(out, s[i])
		}
	}
	return append(out, '"')
}
