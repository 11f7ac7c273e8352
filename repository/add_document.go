// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"
	"time"

	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

// pendingRelease is a release that is being added.
type pendingRelease struct {
	*build
	bases    []*patchBase
	warnings []string
	t        *transaction
	n        int  // among the files of the request
	done     bool // published already; raw and out are set
	at       Location
	old      references
	moves    []*rename // artifacts
	raw      []byte
	document *rename
	out      Published
}

// describe chooses the names of the artifacts, and writes and signs the document.
func (p *pendingRelease) describe(ctx context.Context, req *AddRequest, key *trust.Key) error {
	p.old = p.t.replacing(p.at)
	var artifacts []trust.Artifact
	for i := range p.artifacts {
		if err := p.place(req.Name, &p.artifacts[i]); err != nil {
			return err
		}
		artifacts = append(artifacts, p.artifacts[i].Artifact)
	}
	release := &trust.Release{
		Format: trust.ReleaseFormat, Name: req.Name, Version: p.at.Version, OS: p.at.OS, Arch: p.at.Arch,
		Binary: artifacts[0].Path, Hash: p.hash, Size: p.size,
		Released: req.Released, Expires: req.Expires, Artifacts: artifacts,
	}
	var err error
	if p.raw, err = signing.FormatRelease(release); err != nil {
		return err
	}
	if req.Signer != nil {
		if p.raw, err = signing.Sign(ctx, p.raw, req.Signer); err != nil {
			return err
		}
	}
	if err := acceptable(p.raw, key, p.at, req.Now); err != nil {
		return err
	}

	p.out = publishedOf(release, p.at, key)
	p.out.Replaced, p.out.Warnings = p.old.exists, p.warnings
	if !readByV010(artifacts[0].Encoding) {
		p.out.Warnings = append(p.out.Warnings, "clients of version 0.1.0 cannot install this release: they read only bzip2 and none")
	}
	p.document, err = p.t.prepare(fmt.Sprint(p.n), p.at.document(), p.raw)

	return err
}

// acceptable verifies a new document as a client does.
func acceptable(document []byte, key *trust.Key, at Location, now time.Time) error {
	if key == nil {
		_, err := trust.InsecureVerifyUnsigned(document, at.want(now))
		return err
	}
	policy, err := trust.NewPolicy(1, *key)
	if err != nil {
		return err
	}
	_, err = trust.Verify(document, policy, at.want(now))

	return err
}
