// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"fmt"
	"time"

	"github.com/choria-io/go-updater/internal/jcs"
)

// decodeRelease decodes the fields of a format 1 document and validates them.
// It ignores members that it does not know: the signature covers them.
func decodeRelease(doc jcs.Object) (*Release, error) {
	f := fields{of: doc}
	r := &Release{
		Format:   field[int64](&f, "format"),
		Name:     field[string](&f, "name"),
		Version:  field[string](&f, "version"),
		OS:       field[string](&f, "os"),
		Arch:     field[string](&f, "arch"),
		Binary:   field[string](&f, "binary"),
		Hash:     field[string](&f, "hash"),
		Size:     field[int64](&f, "size"),
		Released: f.time("released"),
		Expires:  f.time("expires"),
	}
	for i, item := range field[[]any](&f, "artifacts") {
		entry, _ := item.(jcs.Object)
		a := fields{of: entry}
		artifact := Artifact{
			Path:     field[string](&a, "path"),
			Encoding: field[string](&a, "encoding"),
			Size:     field[int64](&a, "size"),
			Hash:     field[string](&a, "hash"),
		}
		if _, patch := entry["from"]; patch {
			artifact.From = field[string](&a, "from")
			a.keep(checkHash("from", artifact.From))
		}
		if a.err != nil {
			f.keep(fmt.Errorf("artifact %d: %w", i, a.err))
		}
		r.Artifacts = append(r.Artifacts, artifact)
	}
	if f.err != nil {
		return nil, f.err
	}
	return r, r.Validate()
}

// decodeLegacy decodes a document of v0.1.0.
func decodeLegacy(doc jcs.Object) (*Release, error) {
	f := fields{of: doc}
	r := &Release{Binary: field[string](&f, "binary"), Hash: field[string](&f, "hash")}
	f.keep(CheckPath(r.Binary))
	f.keep(checkHash("hash", r.Hash))
	return r, f.err
}

// fields reads the members of an object, and keeps the first error.
type fields struct {
	of  jcs.Object
	err error
}

func (f *fields) keep(err error) {
	if f.err == nil {
		f.err = err
	}
}

func field[T any](f *fields, name string) T {
	v, ok := f.of[name].(T)
	if !ok {
		f.keep(fmt.Errorf("%w: field %q is missing or of another type", ErrMalformed, name))
	}
	return v
}

func (f *fields) time(name string) time.Time {
	text := field[string](f, name)
	t, err := time.Parse(secondsLayout, text)
	// Parse accepts other spellings too: formatting the time again detects them.
	if err != nil || t.Format(secondsLayout) != text {
		f.keep(fmt.Errorf("%w: field %q: %.64q is not a time in the form 2026-01-02T15:04:05Z", ErrMalformed, name, text))
	}
	return t
}
