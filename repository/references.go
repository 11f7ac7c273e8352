// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"

	"github.com/choria-io/go-updater/trust"
)

// references are the artifacts that the documents in a place name: the published one,
// and the copies of it and of older ones that TUF clients see. They are read as
// leniently as by v0.1.0: an artifact that any client may be about to download must
// not change.
type references struct {
	exists     bool              // the published document
	unreadable bool              // any file may be named
	artifacts  map[string]string // path to hash, which may be empty
}

func (r *Repository) references(l Location) references {
	out := references{artifacts: map[string]string{}}
	out.exists = out.read(r, l.document())
	for _, name := range r.copies(l) {
		out.read(r, name)
	}

	return out
}

// read adds what a document names, and reports whether there is one.
func (out *references) read(r *Repository, name string) bool {
	if _, err := r.root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return false
	}
	raw, err := r.readRegular(context.Background(), name)
	var d struct {
		Binary    string `json:"binary"`
		Artifacts []struct {
			Path string `json:"path"`
			Hash string `json:"hash"`
		} `json:"artifacts"`
	}
	if err != nil || json.Unmarshal(raw, &d) != nil {
		out.unreadable = true
		return true
	}
	add := func(path, hash string) {
		if trust.CheckPath(path) != nil {
			out.unreadable = true // such as ./name, which v0.1.0 fetches, or none
			return
		}
		if other, ok := out.artifacts[path]; ok && other != hash && other != "" {
			hash = "" // it is not known which is there
		}
		out.artifacts[path] = hash
	}
	for _, a := range d.Artifacts {
		add(a.Path, a.Hash)
	}
	if _, ok := out.artifacts[d.Binary]; !ok {
		add(d.Binary, "")
	}

	return true
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
