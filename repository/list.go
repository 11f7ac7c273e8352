// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/choria-io/go-updater/trust"
)

// Entry is the content of a published document. Nothing in it is verified: use
// [Repository.Verify] for that.
type Entry struct {
	Location
	Document   string           `json:"document"`
	Name       string           `json:"name,omitempty"`
	Binary     string           `json:"binary,omitempty"`
	Hash       string           `json:"hash,omitempty"`
	Size       int64            `json:"size,omitempty"`
	Released   *time.Time       `json:"released,omitempty"`
	Expires    *time.Time       `json:"expires,omitempty"`
	Artifacts  []trust.Artifact `json:"artifacts,omitempty"`
	Signatures int              `json:"signatures"`
	Legacy     bool             `json:"legacy,omitempty"`  // a document of v0.1.0
	Problem    string           `json:"problem,omitempty"` // why the document cannot be read
}

// List returns the releases that the filter selects, in the order of their
// versions. A document that cannot be read is an entry with a Problem.
func (r *Repository) List(ctx context.Context, f Filter) ([]Entry, error) {
	locations, _, err := r.locations(f)
	if err != nil {
		return nil, fmt.Errorf("listing repository: %w", err)
	}

	entries := make([]Entry, 0, len(locations))
	for _, l := range locations {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		entries = append(entries, r.entry(ctx, l))
	}

	return entries, nil
}

func (r *Repository) entry(ctx context.Context, l Location) Entry {
	e := Entry{Location: l, Document: l.document()}
	raw, err := r.readDocument(ctx, l)
	if err == nil {
		// It parses strictly, as clients do.
		_, err = trust.SignedBytes(trust.ReleaseType, raw)
	}
	var d struct {
		trust.Release
		Signature    string            `json:"signature"`
		Cosignatures []json.RawMessage `json:"cosignatures"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil {
		e.Problem = err.Error()
		return e
	}
	e.Name, e.Binary, e.Hash, e.Size, e.Legacy = d.Name, d.Binary, d.Hash, d.Size, d.Format == 0
	e.Artifacts = d.Artifacts
	if !d.Released.IsZero() {
		e.Released = &d.Released
	}
	if !d.Expires.IsZero() {
		e.Expires = &d.Expires
	}
	e.Signatures = len(d.Cosignatures)
	if d.Signature != "" {
		e.Signatures++
	}

	return e
}
