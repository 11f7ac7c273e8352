// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package jcs reads strict JSON, and writes the canonical form of RFC 8785.
//
// [Parse] accepts a part of I-JSON (RFC 7493): numbers are integers below 2^53, no
// member is given twice, no surrogate is alone, and values are nested at most
// [MaxDepth] deep. It refuses what another parser may read differently, so that two
// programs never read one document in two ways (T10).
//
// [Format] is the inverse of Parse: for every object o that Parse returns,
// Parse(Format(o)) is equal to o, and equal objects have equal texts.
//
// The package does not use encoding/json, which would be a third of what this module
// adds to a program; a fuzz test compares the two. All functions are safe for
// concurrent use.
package jcs

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

// MaxDepth is the limit of objects and arrays within one another.
const MaxDepth = 8

// MaxInteger is the largest magnitude of a number (RFC 7493 §2.2).
const MaxInteger = 1<<53 - 1

// Object is a JSON object. Its values are nil, bool, int64, string, []any and
// Object.
type Object = map[string]any

// ErrSyntax means that a text is not strict JSON, or not an object.
var ErrSyntax = errors.New("not strict JSON")

// syntaxError is an ErrSyntax with a text of its own, which callers add to theirs.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

func (syntaxError) Is(target error) bool { return target == ErrSyntax }

// Parse returns the object in text, or [ErrSyntax]. The length of text is not
// limited here.
func Parse(text []byte) (Object, error) {
	if !utf8.Valid(text) {
		return nil, syntaxError("not valid UTF-8")
	}
	r := reader{in: string(text)}
	v, err := r.value(0)
	if r.next(); err == nil && r.at < len(r.in) {
		err = errNotJSON // data after the first value
	}
	if err != nil {
		return nil, syntaxError(fmt.Sprintf("before byte %d: %v", r.at, err))
	}
	o, ok := v.(Object)
	if !ok {
		return nil, syntaxError("not a JSON object")
	}
	return o, nil
}

// Format returns the canonical form of o. It panics if o has a value of a type that
// [Parse] does not return.
func Format(o Object) []byte { return appendValue(nil, o) }

// Fold maps every rune to the smallest one that Unicode simple folding treats as
// equal. In this way encoding/json matches names of members, and some file systems
// names of files.
func Fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}

var errNotJSON = errors.New("not JSON")

// reader reads the grammar of RFC 8259 from in, which is valid UTF-8.
type reader struct {
	in string
	at int
}

// next skips white space and returns the byte after it, or 0 at the end. JSON has no
// byte 0.
func (r *reader) next() byte {
	for r.at < len(r.in) && strings.IndexByte(" \t\r\n", r.in[r.at]) >= 0 {
		r.at++
	}
	if r.at == len(r.in) {
		return 0
	}
	return r.in[r.at]
}

// take skips white space, and then c. It reports whether c was there.
func (r *reader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.at++
	return true
}

// skip skips s, and reports whether it was there.
func (r *reader) skip(s string) bool {
	if !strings.HasPrefix(r.in[r.at:], s) {
		return false
	}
	r.at += len(s)
	return true
}

func (r *reader) value(depth int) (any, error) {
	switch c := r.next(); {
	case (c == '{' || c == '[') && depth == MaxDepth:
		return nil, fmt.Errorf("nested deeper than %d", MaxDepth)
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

func (r *reader) object(depth int) (Object, error) {
	o := make(Object)
	seen := make(map[string]bool)
	for !r.take('}') {
		if len(o) > 0 && !r.take(',') || !r.take('"') {
			return nil, errNotJSON
		}
		name, err := r.text()
		if err != nil {
			return nil, err
		}
		// Clients of v0.1.0 use encoding/json, which reads "HASH" and "haſh" as
		// "hash": with both in it, the document would be another one to them.
		if seen[Fold(name)] {
			return nil, fmt.Errorf("member %.64q appears twice", name)
		}
		seen[Fold(name)] = true
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

// integer refuses leading zeros, floats, and numbers that other parsers would round
// because a float64 cannot hold them (RFC 7493 §2.2).
func (r *reader) integer() (int64, error) {
	start := r.at
	for r.at < len(r.in) && strings.IndexByte("+-.0123456789Ee", r.in[r.at]) >= 0 {
		r.at++
	}
	s := r.in[start:r.at]
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > MaxInteger || n < -MaxInteger || s != strconv.FormatInt(n, 10) {
		return 0, fmt.Errorf("number %.32q is not an integer below 2^53", s)
	}
	return n, nil
}

// The short escapes of RFC 8259 §7, and the characters that they mean. The canonical
// form of the solidus is not escaped.
const escapes, escaped = `btnfr"\/`, "\b\t\n\f\r\"\\/"

// text reads a string after its opening quote.
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
	// A lone surrogate, decoded as U+FFFD above, has no canonical form
	// (RFC 8785 §3.2.2.2).
	if s := string(out); strings.ContainsRune(s, unicode.ReplacementChar) {
		return "", fmt.Errorf("string %.64q has a lone surrogate or U+FFFD", s)
	}
	return string(out), nil
}

// byte reads one byte, and returns 0 at the end.
func (r *reader) byte() byte {
	if r.at == len(r.in) {
		return 0
	}
	r.at++
	return r.in[r.at-1]
}

// symbol reads what follows \u: four hex digits, or a pair of surrogates.
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
	r.at += len(digits) // fewer than four at the end of the text, which is refused
	return rune(n), err == nil
}

// appendValue appends the canonical form of a value.
func appendValue(out []byte, v any) []byte {
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
			out = appendValue(out, item)
		}
		return append(out, ']')
	case Object:
		// RFC 8785 §3.2.3: names are in the order of their UTF-16 code units.
		names := slices.SortedFunc(maps.Keys(v), func(a, b string) int {
			return slices.CompareFunc(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)), cmp.Compare[uint16])
		})
		out = append(out, '{')
		for i, name := range names {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendString(out, name), ':')
			out = appendValue(out, v[name])
		}
		return append(out, '}')
	}
	if v == nil {
		return append(out, "null"...)
	}
	return strconv.AppendBool(out, v.(bool))
}

// appendString escapes what RFC 8785 §3.2.2.2 says, and nothing else.
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
