// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/tuf/publish"
)

// MetadataReport is what Verify found about the TUF metadata.
type MetadataReport struct {
	Roles   []publish.RoleStatus `json:"roles"`
	Targets int                  `json:"targets"` // in all bins
	Faults  []Fault              `json:"faults,omitempty"`
}

// OK reports that TUF clients accept all metadata.
func (r *MetadataReport) OK() bool { return len(r.Faults) == 0 }

func (r *MetadataReport) fault(err error) {
	r.Faults = append(r.Faults, Fault{Check: sentinel(err), Message: err.Error(), Err: err})
}

// checkMetadata is nil when there is no metadata. The targets are nil when they
// are not known.
func checkMetadata(ctx context.Context, files publish.Files, req *VerifyRequest) (*MetadataReport, map[string]publish.Target, error) {
	report := &MetadataReport{}
	view, err := publish.Check(ctx, files, req.Now, publish.Options{Trusted: req.TrustedRoot})
	if cerr := ctx.Err(); cerr != nil {
		return nil, nil, cerr
	}
	if err != nil {
		report.fault(err)
		return report, nil, nil
	}
	if view == nil {
		return nil, nil, nil
	}
	report.Roles, report.Targets = view.Roles, len(view.Targets)
	for _, err := range view.Faults {
		report.fault(err)
	}
	if !report.OK() {
		return report, nil, nil
	}

	return report, view.Targets, nil
}

// sameForTUF compares what TUF clients get with what others get.
func (c *Checked) sameForTUF(ctx context.Context, src source, raw []byte, targets map[string]publish.Target) {
	if targets == nil {
		return
	}
	target, ok := targets[c.Document]
	if !ok {
		c.fault(fmt.Errorf("%w: TUF clients do not see this release: update-repo tuf refresh", publish.ErrMissing))
		return
	}
	if target != publish.TargetOf(raw) {
		c.fault(fmt.Errorf("%w: TUF clients see another %s: update-repo tuf refresh", publish.ErrMismatch, documentName))
	}
	copied, err := src.copied(ctx, target.Copy(c.Document))
	if err == nil && publish.TargetOf(copied) != target {
		err = fmt.Errorf("%w: it is not what the metadata says", publish.ErrMismatch)
	}
	if err != nil {
		c.fault(fmt.Errorf("%s: %w", target.Copy(c.Document), err))
	}
}

// orphans are targets whose release is not there.
func (r *MetadataReport) orphans(locations []Location, targets map[string]publish.Target) {
	there := map[string]bool{}
	for _, l := range locations {
		there[l.document()] = true
	}
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		if !there[name] {
			r.fault(fmt.Errorf("%w: %s, which the metadata names", ErrMissing, name))
		}
	}
}

func (s local) copied(ctx context.Context, name string) ([]byte, error) {
	return s.readRegular(ctx, name)
}

func (s remote) copied(ctx context.Context, name string) ([]byte, error) {
	return s.fetched(ctx, name)
}

// remoteFiles is metadata behind a URL.
type remoteFiles struct{ remote }

func (f remoteFiles) Read(ctx context.Context, name string) ([]byte, error) {
	raw, err := f.client.Document(ctx, f.at(path.Join(publish.Dir, name)), publish.MaxFile)
	// An object store that does not let us list says 403 of what is not there.
	if errors.Is(err, fetch.ErrNotFound) || errors.Is(err, fetch.ErrForbidden) {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}

	return raw, err
}

// TUFStatus is how the metadata stands.
type TUFStatus struct {
	Roles    []publish.RoleStatus `json:"roles,omitempty"`
	Targets  int                  `json:"targets"`
	Drafts   []TUFDraft           `json:"drafts,omitempty"`
	Faults   []Fault              `json:"faults,omitempty"`
	Warnings []string             `json:"warnings,omitempty"`
}

// StatusTUF tells what clients see of the metadata, and what waits for keys.
func (r *Repository) StatusTUF(ctx context.Context, now time.Time, trustedRoot []byte) (*TUFStatus, error) {
	state, err := publish.Load(ctx, metadataFiles{r}, publish.Options{Trusted: trustedRoot})
	out := &TUFStatus{}
	if err != nil {
		out.Faults = append(out.Faults, Fault{Check: sentinel(err), Message: err.Error(), Err: err})
		return out, ctx.Err()
	}
	out.Warnings = state.Problems
	for _, d := range []*publish.Draft{state.RootDraft, state.TargetsDraft} {
		if d == nil {
			continue
		}
		progress, err := d.Progress(state.Authority())
		if err != nil && !errors.Is(err, publish.ErrMissing) {
			return nil, err
		}
		out.Drafts = append(out.Drafts, TUFDraft{File: path.Join(publish.Dir, d.Name()), Summary: state.Summary(d), Progress: progress})
	}
	if !state.Exists() {
		if len(out.Drafts) == 0 {
			return nil, fmt.Errorf("%w: this repository has no TUF metadata", publish.ErrMissing)
		}
		return out, nil
	}
	report, _, err := checkMetadata(ctx, metadataFiles{r}, &VerifyRequest{Now: now, TrustedRoot: trustedRoot})
	if err != nil {
		return nil, err
	}
	if report != nil {
		out.Roles, out.Targets, out.Faults = report.Roles, report.Targets, report.Faults
	}

	return out, nil
}
