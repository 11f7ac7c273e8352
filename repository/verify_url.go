// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/trust"
)

// probes is the number of documents that are requested at a time.
const probes = 8

// VerifyURL is [Repository.Verify] for a repository at an http, https or file URL.
// Such a repository cannot be listed: the request needs a version, and if the
// filter leaves the platform open, every platform that Go supports is tried. If the
// server wants credentials, or fails for all of them, that is an error.
func VerifyURL(ctx context.Context, base *url.URL, req VerifyRequest) (*Report, error) {
	if err := req.complete(); err != nil {
		return nil, err
	}
	if req.Version == "" {
		return nil, invalid("no version given: a repository at a URL cannot be listed")
	}
	if err := trust.CheckVersion(req.Version); err != nil {
		return nil, err
	}
	client, err := fetch.New(fetch.Options{HTTP: req.HTTP, Header: req.Header, Origin: base})
	if err != nil {
		return nil, err
	}

	src := remote{client, base}
	metadata, tuf, err := inspectTUF(ctx, remoteMetadata{src}, &req)
	if err == nil {
		err = metadata.unauthorized()
	}
	if err != nil {
		return nil, fmt.Errorf("verifying repository: %w", err)
	}
	places := req.places()
	checked := make([]Checked, len(places))
	err = forEach(ctx, len(places), probes, func(ctx context.Context, i int) error {
		checked[i] = req.check(ctx, src, places[i], tuf)
		if errors.Is(checked[i].unread, fetch.ErrUnauthorized) {
			return checked[i].unread
		}
		return ctx.Err()
	})
	if err == nil {
		err = nothingRead(checked)
	}
	if err != nil {
		return nil, fmt.Errorf("verifying repository: %w", err)
	}
	report := &Report{Metadata: metadata}
	for _, c := range checked {
		if !c.absent() {
			report.Releases = append(report.Releases, c)
		}
	}
	report.orphans(req.Filter, tuf)
	if len(report.Releases) == 0 {
		return nil, fmt.Errorf("verifying %s: %w", fetch.Shown(base), req.notFound())
	}

	return report, nil
}

// nothingRead returns an error if the server failed for each of several places. It is
// the same failure, and none of the release.
func nothingRead(checked []Checked) error {
	if len(checked) < 2 {
		return nil
	}
	for _, c := range checked {
		if c.unread == nil || errors.Is(c.unread, ErrMissing) {
			return nil
		}
	}

	return fmt.Errorf("no document can be read: %w", checked[0].unread)
}

// unauthorized returns the fault that all other files will have, too.
func (r *MetadataReport) unauthorized() error {
	if r == nil {
		return nil
	}
	for _, f := range r.Faults {
		if errors.Is(f.Err, fetch.ErrUnauthorized) {
			return f.Err
		}
	}

	return nil
}

// places lists where a release may be. A platform that is given completely is
// tried even if Go does not support it.
func (req *VerifyRequest) places() []Location {
	if req.OS != "" && req.Arch != "" {
		return []Location{{req.Version, req.OS, req.Arch}}
	}
	var out []Location
	for _, l := range allPlatforms() {
		l.Version = req.Version
		if req.match(l) {
			out = append(out, l)
		}
	}

	return out
}
