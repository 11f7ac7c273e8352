// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/signing"
	"github.com/choria-io/go-updater/trust"
)

// File is a binary to publish and what it runs on.
type File struct {
	OS, Arch, Path string
}

// AddRequest is what Add publishes: one version for one or more platforms.
type AddRequest struct {
	Files   []File
	Name    string // the product
	Version string

	Now      time.Time // what the clock says
	Released time.Time // Now when empty
	Expires  time.Time

	// Encodings are those of the artifacts, DefaultEncodings when empty.
	// Uncompressed adds "none", the binary as it is.
	Encodings    []string
	Uncompressed bool

	// Artifacts are ready-made: files, named after their encoding, that unfold
	// to the binary for the same platform. Each takes the place of what Add
	// would have packed in that encoding, or is added to it.
	Artifacts []File

	// PatchFrom are published versions from which patches are to lead to this
	// one, on every platform. Patches takes the last so many of the product
	// instead, as far as they are there. A patch that saves less than 30 % is
	// not published. Making one takes about 9 bytes of memory for each of the
	// binary's, on each core.
	PatchFrom []string
	Patches   int

	// Force replaces a release that is published already.
	Force bool

	// Signer signs. Without one nothing is published, unless
	// InsecureUnsigned says that clients shall not know who did.
	Signer           signature.Signer
	InsecureUnsigned bool

	// TUF keeps TUF metadata current, if there is any.
	TUF TUF

	Progress Progress
}

// Published is one release as it now is in the repository.
type Published struct {
	Location
	Document  string           `json:"document"`
	Name      string           `json:"name"`
	Hash      string           `json:"hash"`
	Size      int64            `json:"size"`
	Released  time.Time        `json:"released"`
	Expires   time.Time        `json:"expires"`
	Artifacts []trust.Artifact `json:"artifacts"` // paths are relative to the document
	Key       string           `json:"key,omitempty"`
	Replaced  bool             `json:"replaced,omitempty"`
	Warnings  []string         `json:"warnings,omitempty"`
}

// Add publishes binaries. Either all of them are published when it returns, or
// nothing is.
func (r *Repository) Add(ctx context.Context, req AddRequest) (out []Published, err error) {
	if err := req.complete(); err != nil {
		return nil, err
	}
	key, err := keyOf(ctx, req.Signer)
	if err != nil {
		return nil, err
	}
	t, err := r.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("publishing: %w", err)
	}
	defer func() {
		if cerr := t.close(); err == nil && cerr != nil {
			for i := range out {
				out[i].Warnings = append(out[i].Warnings, cerr.Error())
			}
		}
	}()

	// Known before minutes are spent on compression.
	if err := r.refuseTwin(req.Version); err != nil {
		return nil, err
	}
	for _, f := range req.Files {
		if err := r.refusePublished(f.at(req.Version), req.Force); err != nil {
			return nil, err
		}
	}

	md, err := t.releasing(ctx, releasing{req.TUF, req.Signer, req.Now})
	if err != nil {
		return nil, fmt.Errorf("publishing: %w", err)
	}

	adds, m, err := t.additions(ctx, &req, key)
	if err != nil {
		return nil, err
	}
	// So that all cores are busy and no more is in memory than they need.
	at := min(len(adds), cpus())
	err = forEach(ctx, len(adds), at, func(ctx context.Context, i int) error {
		var err error
		adds[i].packed, err = t.pack(ctx, req.Files[i], i, &req, cpus()/at, m)
		return err
	})
	if err == nil {
		err = t.patchAll(ctx, adds, &req, m)
	}
	if err != nil {
		return nil, fmt.Errorf("publishing: %w", err)
	}

	return t.publish(ctx, adds, &req, key, md)
}

// additions looks for all that is needed, before minutes are spent on it.
func (t *transaction) additions(ctx context.Context, req *AddRequest, key *trust.Key) ([]*addition, *meter, error) {
	m := &meter{tell: req.Progress}
	adds := make([]*addition, len(req.Files))
	for i, f := range req.Files {
		a := &addition{t: t, n: i, at: f.at(req.Version)}
		var err error
		if a.bases, a.warnings, err = t.repo.bases(ctx, f, req, key); err != nil {
			return nil, nil, fmt.Errorf("publishing: %w", err)
		}
		wanted, err := req.wanted(f)
		if err != nil {
			return nil, nil, err
		}
		in, err := openInput(f.Path)
		if err != nil {
			return nil, nil, err
		}
		size := in.before.Size()
		_ = in.Close()
		m.total += size
		m.work += 2 * size * int64(len(a.bases))
		for _, w := range wanted {
			m.work += size
			if w.ready == "" { // it is packed, not only unfolded
				m.work += size
			}
		}
		adds[i] = a
	}

	return adds, m, nil
}

func (t *transaction) publish(ctx context.Context, adds []*addition, req *AddRequest, key *trust.Key, md *metadata) ([]Published, error) {
	var artifacts, documents []*rename
	raw := map[Location][]byte{}
	for _, a := range adds {
		if err := a.describe(ctx, req, key); err != nil {
			return nil, fmt.Errorf("publishing %s: %w", a.at, err)
		}
		artifacts, documents = append(artifacts, a.moves...), append(documents, a.document)
		raw[a.at] = a.raw
	}
	if err := md.change(ctx, raw); err != nil {
		return nil, fmt.Errorf("publishing: %w", err)
	}
	warnings, err := t.commitWith(ctx, md, artifacts, documents)
	if err != nil {
		return nil, fmt.Errorf("publishing: %w", err)
	}

	out := make([]Published, 0, len(adds))
	for _, a := range adds {
		a.out.Warnings = append(a.out.Warnings, t.remove(a.obsolete)...)
		out = append(out, a.out)
	}
	out[0].Warnings = append(out[0].Warnings, warnings...)

	return out, nil
}

func (f File) at(version string) Location { return Location{version, f.OS, f.Arch} }

func (req *AddRequest) complete() error {
	switch {
	case len(req.Files) == 0:
		return fmt.Errorf("%w: no file to publish", ErrRequest)
	case req.Signer == nil && !req.InsecureUnsigned:
		return fmt.Errorf("%w: no key to sign with", ErrRequest)
	case req.Signer != nil && req.InsecureUnsigned:
		return fmt.Errorf("%w: a key, but the release shall not be signed", ErrRequest)
	case req.Now.IsZero():
		return fmt.Errorf("%w: the time is not known", ErrRequest)
	}
	if req.Released.IsZero() {
		req.Released = req.Now
	}
	// Documents have whole seconds; a time of expiry is not put off by that.
	req.Released = req.Released.UTC().Truncate(time.Second)
	req.Expires = req.Expires.UTC().Truncate(time.Second)

	seen := map[Location]string{}
	for _, f := range req.Files {
		if err := CheckPlatform(f.OS, f.Arch); err != nil {
			return err
		}
		if other, ok := seen[f.at("")]; ok {
			return fmt.Errorf("%w: %q and %q are both for %s/%s", ErrRequest, other, f.Path, f.OS, f.Arch)
		}
		seen[f.at("")] = f.Path
	}
	if err := trust.CheckName(req.Name); err != nil {
		return err
	}
	if err := trust.CheckVersion(req.Version); err != nil {
		return err
	}
	for _, f := range req.Files {
		if err := trust.CheckPath(artifactName(req.Name, f.at(req.Version), markOfAny, ".bz2")); err != nil {
			return err
		}
	}
	if _, err := req.chosen(); err != nil {
		return err
	}
	if err := req.completeArtifacts(seen); err != nil {
		return err
	}

	return req.completePatches()
}

func keyOf(ctx context.Context, signer signature.Signer) (*trust.Key, error) {
	if signer == nil {
		return nil, nil
	}
	key, err := signing.PublicKey(ctx, signer)
	if err != nil {
		return nil, err
	}

	return &key, nil
}

// refuseTwin refuses a version whose directory some file systems would take
// for that of another.
func (r *Repository) refuseTwin(version string) error {
	entries, err := r.readDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != version && strings.EqualFold(e.Name(), version) {
			return fmt.Errorf("%w: version %q differs from %q, which is there, in nothing but case", trust.ErrMalformed, version, e.Name())
		}
	}

	return nil
}

func (r *Repository) refusePublished(l Location, force bool) error {
	info, err := r.root.Lstat(l.document())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is in the way: it is not a regular file", l.document())
	case !force:
		return fmt.Errorf("%w: %s", ErrExists, l)
	}

	return nil
}
