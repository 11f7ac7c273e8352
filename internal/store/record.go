// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/choria-io/go-updater/internal/jcs"
)

// sumName is the member that holds the SHA-256 of all others.
const sumName = "sum"

// ErrDamaged means that a file is not a record, or was changed after it was written.
var ErrDamaged = errors.New("file is damaged")

// Fields is the content of a record. A value is a string, int, int64, bool, [time.Time],
// [time.Duration] in whole milliseconds, Fields or []Fields. Zero values are omitted, and read as zero values.
type Fields map[string]any

// Format returns the record with the content f, which must not contain other types, nor
// the name "sum". Characters that JSON cannot represent become question marks, and a
// time after the year 9999 is omitted.
func Format(f Fields) []byte {
	doc := f.plain()
	doc[sumName] = sum(doc)
	return jcs.Format(doc)
}

// JSON returns f as Format does, without a checksum, for other programs to read.
func (f Fields) JSON() []byte { return jcs.Format(f.plain()) }

func sum(doc map[string]any) string {
	s := sha256.Sum256(jcs.Format(doc))
	return hex.EncodeToString(s[:])
}

func (f Fields) plain() map[string]any {
	doc := make(map[string]any, len(f)+1)
	for name, v := range f {
		if v = plain(v); v != "" && v != int64(0) && v != false {
			doc[name] = v
		}
	}
	return doc
}

func plain(v any) any {
	switch v := v.(type) {
	case string:
		return strings.Map(func(r rune) rune {
			if r == unicode.ReplacementChar { // or not UTF-8
				return '?'
			}
			return r
		}, v)
	case int:
		return int64(v)
	case time.Duration:
		return v.Milliseconds()
	case time.Time:
		if v = v.UTC(); v.IsZero() || v.Year() < 0 || v.Year() > 9999 {
			return ""
		}
		return v.Format(time.RFC3339Nano)
	case Fields:
		return v.plain()
	case []Fields:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = item.plain()
		}
		return list
	}
	return v
}

// Reader reads a record. A member that is missing, or of another type than was asked
// for, is read as the zero value; the latter makes Err return ErrDamaged.
type Reader struct {
	doc map[string]any
	err *error // shared by all parts of the record
}

// Parse returns ErrDamaged if raw is not the output of Format. It does not check the
// members.
func Parse(raw []byte) (Reader, error) {
	doc, err := jcs.Parse(raw)
	if err != nil {
		// Without %w: the error of jcs means a malformed release document.
		return Reader{}, fmt.Errorf("%w: %s", ErrDamaged, err.Error())
	}
	stated := doc[sumName]
	delete(doc, sumName)
	if stated != sum(doc) {
		return Reader{}, fmt.Errorf("%w: wrong checksum", ErrDamaged)
	}
	return Reader{doc, new(error)}, nil
}

// Err returns the first error of what was read so far.
func (r Reader) Err() error { return *r.err }

// Text returns the string called name.
func (r Reader) Text(name string) string { return get[string](r, name) }

// Int returns the number called name.
func (r Reader) Int(name string) int64 { return get[int64](r, name) }

// Bool returns the boolean called name.
func (r Reader) Bool(name string) bool { return get[bool](r, name) }

// Duration returns the duration called name, which is not negative.
func (r Reader) Duration(name string) time.Duration {
	ms := r.Int(name)
	if ms < 0 || ms > math.MaxInt64/int64(time.Millisecond) {
		r.damaged(name)
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// Time returns the time called name, in UTC.
func (r Reader) Time(name string) time.Time {
	text := r.Text(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	// In UTC it may be in a year that Format does not write.
	if t = t.UTC(); err != nil || t.Year() < 0 || t.Year() > 9999 {
		r.damaged(name)
	}
	return t
}

// Part returns the part called name, and whether there is one.
func (r Reader) Part(name string) (Reader, bool) {
	doc := get[map[string]any](r, name)
	return Reader{doc, r.err}, doc != nil
}

// Parts returns the list of parts called name.
func (r Reader) Parts(name string) []Reader {
	var parts []Reader
	for _, item := range get[[]any](r, name) {
		doc, ok := item.(map[string]any)
		if !ok {
			r.damaged(name)
		}
		parts = append(parts, Reader{doc, r.err})
	}
	return parts
}

func get[T any](r Reader, name string) T {
	v, ok := r.doc[name].(T)
	if _, there := r.doc[name]; there && !ok {
		r.damaged(name)
	}
	return v
}

func (r Reader) damaged(name string) {
	if *r.err == nil {
		*r.err = fmt.Errorf("%w: %q has another type", ErrDamaged, name)
	}
}
