// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf/publish"
)

// TUFStatus is what clients see of the metadata, and what waits for keys.
type TUFStatus struct {
	Roles    []publish.RoleStatus `json:"roles,omitempty"`
	Targets  int                  `json:"targets"`
	Drafts   []TUFDraft           `json:"drafts,omitempty"`
	Faults   []Fault              `json:"faults,omitempty"`
	Warnings []string             `json:"warnings,omitempty"`
}

// StatusTUF reports what clients see of the metadata at a time, and what waits for
// keys. Metadata that cannot be read is a fault. trustedRoot may be nil; see [TUF].
func (r *Repository) StatusTUF(ctx context.Context, now time.Time, trustedRoot []byte) (*TUFStatus, error) {
	report, _, err := inspectTUF(ctx, metadataFiles{r}, &VerifyRequest{Now: now, TrustedRoot: trustedRoot})
	if err != nil {
		return nil, err
	}
	out := &TUFStatus{}
	if report != nil {
		out.Roles, out.Targets, out.Faults = report.Roles, report.Targets, report.Faults
	}
	state, err := publish.Load(ctx, metadataFiles{r}, publish.Options{Trusted: trustedRoot})
	if err != nil {
		if len(out.Faults) == 0 { // clients do not notice, but nothing can be published
			out.Faults = append(out.Faults, newFault(err))
		}
		return out, ctx.Err()
	}
	out.Warnings = state.Problems
	if out.Drafts, err = draftsOf(state); err != nil {
		return nil, err
	}
	if !state.Exists() && len(out.Drafts) == 0 {
		return nil, fmt.Errorf("%w: this repository has no TUF metadata", publish.ErrMissing)
	}

	return out, nil
}

// DraftsTUF returns the drafts that wait for signatures, for key holders to read before
// they give their passphrase. It returns publish.ErrDraft if there are none, and no
// command was killed.
// trustedRoot may be nil; see [TUF].
func (r *Repository) DraftsTUF(ctx context.Context, trustedRoot []byte) ([]TUFDraft, error) {
	state, err := publish.Load(ctx, metadataFiles{r}, publish.Options{Trusted: trustedRoot})
	if err != nil {
		return nil, fmt.Errorf("reading TUF metadata: %w", err)
	}
	drafts, err := draftsOf(state)
	if err != nil || len(drafts) > 0 {
		return drafts, err
	}
	// After a kill, SignTUF finds out what the key has signed.
	interrupted, err := r.interrupted()
	if err == nil && !interrupted {
		err = errNoDraft
	}

	return nil, err
}

func draftsOf(state *publish.State) ([]TUFDraft, error) {
	var out []TUFDraft
	for _, d := range []*publish.Draft{state.RootDraft, state.TargetsDraft} {
		if d == nil {
			continue
		}
		progress, err := d.Progress(state.Authority())
		if err != nil && !errors.Is(err, publish.ErrMissing) {
			return nil, err
		}
		out = append(out, TUFDraft{File: layout.Metadata(d.Name()), Summary: state.Summary(d), Progress: progress})
	}

	return out, nil
}
