// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/choria-io/go-updater/trust"
)

// references are the artifacts that a published document names. The document is
// read as leniently as by v0.1.0: an artifact that any client may be about to
// download must not change.
type references struct {
	exists     bool
	unreadable bool              // any file may be named
	artifacts  map[string]string // path to hash, which may be empty
}

func (r *Repository) references(l Location) references {
	raw, err := r.readDocument(context.Background(), l)
	if errors.Is(err, ErrMissing) {
		return references{}
	}
	if err != nil {
		return references{exists: true, unreadable: true}
	}
	var d struct {
		Binary    string `json:"binary"`
		Artifacts []struct {
			Path string `json:"path"`
			Hash string `json:"hash"`
		} `json:"artifacts"`
	}
	if json.Unmarshal(raw, &d) != nil {
		return references{exists: true, unreadable: true}
	}
	out := references{exists: true, artifacts: map[string]string{}}
	if trust.CheckPath(d.Binary) == nil {
		out.artifacts[d.Binary] = ""
	}
	for _, a := range d.Artifacts {
		if trust.CheckPath(a.Path) == nil {
			out.artifacts[a.Path] = a.Hash
		}
	}

	return out
}

// names reports whether the document names a file. Names that differ only in case
// are the same file on some file systems.
func (r references) names(file string) bool {
	if r.unreadable {
		return true
	}
	for name := range r.artifacts {
		if strings.EqualFold(name, file) {
			return true
		}
	}

	return false
}
