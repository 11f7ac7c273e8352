// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf/client"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/trust"
)

// MetadataReport is what Verify found about the TUF metadata.
type MetadataReport struct {
	Roles   []publish.RoleStatus `json:"roles"`
	Targets int                  `json:"targets"` // in all bins
	Faults  []Fault              `json:"faults,omitempty"`
}

// OK reports that TUF clients accept all metadata.
func (r *MetadataReport) OK() bool { return len(r.Faults) == 0 }

func (r *MetadataReport) fault(err error) { r.Faults = append(r.Faults, newFault(err)) }

// metadataView answers what TUF clients see. It is safe for concurrent use.
type metadataView struct {
	mu      sync.Mutex
	view    *client.View
	targets map[string]publish.Target
}

// inspectTUF runs the client over the metadata. Both results are nil if there is
// none, and the view is nil if a client fails before it could look for a release.
func inspectTUF(ctx context.Context, files client.Fetcher, req *VerifyRequest) (*MetadataReport, *metadataView, error) {
	found, err := publish.Inspect(ctx, files, req.Now, req.TrustedRoot)
	if err != nil || found == nil {
		return nil, nil, err
	}
	report := &MetadataReport{Roles: found.Roles, Targets: len(found.Targets)}
	for _, err := range found.Faults {
		report.fault(err)
	}
	if found.View == nil {
		return report, nil, nil
	}

	return report, &metadataView{view: found.View, targets: found.Targets}, nil
}

// document downloads the copy of a release.json as a TUF client does.
func (v *metadataView) document(ctx context.Context, src source, name string) ([]byte, error) {
	v.mu.Lock()
	target, err := v.view.Target(ctx, name)
	v.mu.Unlock()
	if errors.Is(err, fetch.ErrNotFound) {
		return nil, fmt.Errorf("TUF clients do not see this release (run update-repo tuf refresh): %w", err)
	}
	if err != nil {
		return nil, err
	}
	if target.Length > trust.MaxDocument {
		return nil, fmt.Errorf("%s: %w: %d bytes, a document has at most %d", target.File, fetch.ErrTooLarge, target.Length, trust.MaxDocument)
	}
	raw, err := src.fetch(ctx, target.File, target.Length)
	if err == nil {
		err = target.Verify(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", target.File, err)
	}

	return raw, nil
}

// checkTUF compares the document that TUF clients get with the one that others get.
func (req *VerifyRequest) checkTUF(ctx context.Context, src source, c *Checked, raw []byte, v *metadataView) {
	if v == nil {
		return
	}
	copied, err := v.document(ctx, src, c.Document)
	if err != nil {
		c.fault(err)
		return
	}
	if bytes.Equal(copied, raw) {
		return
	}
	c.fault(fmt.Errorf("%w: TUF clients see another %s (run update-repo tuf refresh)", trust.ErrMismatch, layout.DocumentName))
	if _, err := req.facts(copied, c.Location, &Checked{}); err != nil {
		c.fault(fmt.Errorf("the %s that TUF clients see: %w", layout.DocumentName, err))
	}
}

// orphans adds a fault for each target that the filter selects and whose release is
// not among those that were found.
func (r *Report) orphans(f Filter, v *metadataView) {
	if v == nil {
		return
	}
	there := map[string]bool{}
	for _, c := range r.Releases {
		there[c.Document] = true
	}
	for _, name := range slices.Sorted(maps.Keys(v.targets)) {
		l, ok := locationOf(name)
		if selected := ok && f.match(l) || f == (Filter{}); selected && !there[name] {
			r.Metadata.fault(fmt.Errorf("%w: %s, which the metadata lists", ErrMissing, name))
		}
	}
}
