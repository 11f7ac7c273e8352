// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"cmp"
	"errors"
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

// ParseJSON reads a document's members, and trusts nothing: it is for files that
// need the parser's strictness and no signature. Values are nil, bool, int64,
// string, []any and map[string]any. It returns ErrMalformed for anything else,
// and for more than MaxDocument bytes.
func ParseJSON(document []byte) (map[string]any, error) { return parse(document) }

// FormatJSON is the inverse of ParseJSON: the RFC 8785 form. It takes what
// ParseJSON returns; a value of another type is a bug, and panics.
func FormatJSON(doc map[string]any) []byte { return appendCanonical(nil, doc) }

// parse reads strict JSON: I-JSON (RFC 7493) narrowed to what documents need.
// What other parsers read otherwise is refused: two readers of one document
// must never see two things. It is no encoding/json, which would be a third of
// what this module adds to a program; a fuzz test compares the two.
func parse(document []byte) (object, error) {
	if len(document) > MaxDocument {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrMalformed, MaxDocument)
	}
	if !utf8.Valid(document) {
		return nil, fmt.Errorf("%w: not valid UTF-8", ErrMalformed)
	}
	r := reader{in: string(document)}
	v, err := r.value(0)
	if r.next(); err == nil && r.at < len(r.in) {
		err = errNotJSON // data after the first value
	}
	if err != nil {
		return nil, fmt.Errorf("%w: before byte %d: %w", ErrMalformed, r.at, err)
	}
	doc, ok := v.(object)
	if !ok {
		return nil, fmt.Errorf("%w: not a JSON object", ErrMalformed)
	}
	return doc, nil
}

var errNotJSON = errors.New("not JSON")

// reader reads the grammar of RFC 8259 from in, which is valid UTF-8.
type reader struct {
	in string
	at int
}

// next skips white space and returns the byte after it; 0, which JSON has
// nowhere, at the end.
func (r *reader) next() byte {
	for r.at < len(r.in) && strings.IndexByte(" \t\r\n", r.in[r.at]) >= 0 {
		r.at++
	}
	if r.at == len(r.in) {
		return 0
	}
	return r.in[r.at]
}

// take goes past c if it is next.
func (r *reader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.at++
	return true
}

// skip goes past s if it is here.
func (r *reader) skip(s string) bool {
	if !strings.HasPrefix(r.in[r.at:], s) {
		return false
	}
	r.at += len(s)
	return true
}

func (r *reader) value(depth int) (any, error) {
	switch c := r.next(); {
	case (c == '{' || c == '[') && depth == maxDepth:
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	case r.take('{'):
		return r.object(depth + 1)
	case r.take('['):
		return r.array(depth + 1)
	case r.take('"'):
		return r.text()
	case c == '-' || '0' <= c && c <= '9':
		return r.integer()
	case r.skip("true"):
		return true, nil
	case r.skip("false"):
		return false, nil
	case r.skip("null"):
		return nil, nil
	}
	return nil, errNotJSON
}

func (r *reader) object(depth int) (object, error) {
	o := make(object)
	seen := make(map[string]bool)
	for !r.take('}') {
		if len(o) > 0 && !r.take(',') || !r.take('"') {
			return nil, errNotJSON
		}
		name, err := r.text()
		if err != nil {
			return nil, err
		}
		// encoding/json, in clients of v0.1.0, takes "HASH" and "haſh" for
		// "hash": a twin would be another document to them.
		if seen[fold(name)] {
			return nil, fmt.Errorf("member %.64q appears twice", name)
		}
		seen[fold(name)] = true
		if !r.take(':') {
			return nil, errNotJSON
		}
		if o[name], err = r.value(depth); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (r *reader) array(depth int) ([]any, error) {
	var items []any
	for !r.take(']') {
		if len(items) > 0 && !r.take(',') {
			return nil, errNotJSON
		}
		item, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// integer refuses floats rather than to round them, what a float64 of another
// parser could not hold (RFC 7493 §2.2), and leading zeros.
func (r *reader) integer() (int64, error) {
	start := r.at
	for r.at < len(r.in) && strings.IndexByte("+-.0123456789Ee", r.in[r.at]) >= 0 {
		r.at++
	}
	s := r.in[start:r.at]
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxInteger || n < -maxInteger || s != strconv.FormatInt(n, 10) {
		return 0, fmt.Errorf("number %.32q is not an integer below 2^53", s)
	}
	return n, nil
}

// The short escapes of RFC 8259 §7, and what they stand for. The solidus is
// last: it may be escaped, but its canonical form is bare.
const escapes, escaped = `btnfr"\/`, "\b\t\n\f\r\"\\/"

// text reads on from the opening quote.
func (r *reader) text() (string, error) {
	var out []byte
	for !r.skip(`"`) {
		switch c := r.byte(); {
		case c < 0x20: // also the end of the document
			return "", errNotJSON
		case c != '\\':
			out = append(out, c)
		case r.skip("u"):
			symbol, ok := r.symbol()
			if !ok {
				return "", errNotJSON
			}
			out = utf8.AppendRune(out, symbol)
		default:
			i := strings.IndexByte(escapes, r.byte())
			if i < 0 {
				return "", errNotJSON
			}
			out = append(out, escaped[i])
		}
	}
	// A lone surrogate has become U+FFFD, which has no canonical form
	// (RFC 8785 §3.2.2.2).
	if s := string(out); strings.ContainsRune(s, unicode.ReplacementChar) {
		return "", fmt.Errorf("text %.64q holds a lone surrogate or U+FFFD", s)
	}
	return string(out), nil
}

// byte goes past one byte and returns it, 0 at the end.
func (r *reader) byte() byte {
	if r.at == len(r.in) {
		return 0
	}
	r.at++
	return r.in[r.at-1]
}

// symbol reads on from \u: four hex digits, or a pair of surrogates.
func (r *reader) symbol() (rune, bool) {
	unit, ok := r.hex()
	if !ok || !utf16.IsSurrogate(unit) {
		return unit, ok
	}
	if !r.skip(`\u`) {
		return unicode.ReplacementChar, true
	}
	low, ok := r.hex()
	return utf16.DecodeRune(unit, low), ok
}

func (r *reader) hex() (rune, bool) {
	digits := r.in[r.at:min(r.at+4, len(r.in))]
	n, err := strconv.ParseUint(digits, 16, 16)
	r.at += len(digits) // fewer than four at the end, where the text is cut off
	return rune(n), err == nil
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
	out = append(out, '"')
	for i := range len(s) {
		switch at := strings.IndexByte(escaped, s[i]); {
		case at >= 0 && s[i] != '/':
			out = append(out, '\\', escapes[at])
		case s[i] < 0x20:
			out = fmt.Appendf(out, `\u%04x`, s[i])
		default:
			out = append(out, s[i])
		}
	}
	return append(out, '"')
}
