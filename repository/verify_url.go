// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"
	"net/url"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/trust"
)

// probes is the number of documents that are requested at a time.
const probes = 8

// VerifyURL is [Repository.Verify] for a repository at an http, https or file URL.
// Such a repository cannot be listed: the request needs a version, and if the
// filter leaves the platform open, every platform that Go supports is tried.
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
	client, err := fetch.New(fetch.Options{HTTP: req.HTTP})
	if err != nil {
		return nil, err
	}

	src := remote{client, base}
	metadata, tuf, err := inspectTUF(ctx, remoteMetadata{src}, &req)
	if err != nil {
		return nil, fmt.Errorf("verifying repository: %w", err)
	}
	places := req.places()
	checked := make([]Checked, len(places))
	err = forEach(ctx, len(places), probes, func(ctx context.Context, i int) error {
		checked[i] = req.check(ctx, src, places[i], tuf)
		return ctx.Err()
	})
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
