// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"slices"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/trust"
)

// File is a binary to publish and its platform.
type File struct {
	OS, Arch, Path string
}

func (f File) at(version string) Location { return Location{version, f.OS, f.Arch} }

// AddRequest describes what [Repository.Add] publishes: one version, for one or
// more platforms.
type AddRequest struct {
	Files   []File
	Name    string // the product
	Version string

	Now      time.Time // the current time
	Released time.Time // Now if zero; stored in whole seconds
	Expires  time.Time // stored in whole seconds, rounded down

	// Encodings are those of the artifacts: bzip2, none, zstd, gzip. If empty,
	// they are bzip2, which v0.1.0 reads, and zstd, which decompresses fastest.
	// Uncompressed adds none, the binary as it is.
	Encodings    []string
	Uncompressed bool

	// Artifacts are files compressed by another program, for the platforms of
	// Files. The suffix gives the encoding. Each replaces the artifact that Add
	// would have made in that encoding, or is added.
	Artifacts []File

	// PatchFrom are published versions to make patches from, on every platform.
	// Patches is the number of latest versions to use instead, or fewer if there
	// are fewer. A patch that saves less than 30 % is not published. Making one
	// takes about 9 bytes of memory for each byte of the binary; as many are made
	// at a time as there are cores.
	PatchFrom []string
	Patches   int

	// Force replaces a release that is already published.
	Force bool

	// Signer signs the documents. InsecureUnsigned is required to publish without
	// one: clients then cannot verify who published the release.
	Signer           signature.Signer
	InsecureUnsigned bool

	// TUF updates the TUF metadata, if the repository has any.
	TUF TUF

	// Progress, if set, is called with the number of bytes of Files that are
	// done, and their total. Calls do not overlap.
	Progress func(done, total int64)
}

// complete checks the request and sets its defaults.
func (req *AddRequest) complete() error {
	switch {
	case len(req.Files) == 0:
		return invalid("no files to publish")
	case req.Signer == nil && !req.InsecureUnsigned:
		return invalid("no signer given (set InsecureUnsigned to publish without a signature)")
	case req.Signer != nil && req.InsecureUnsigned:
		return invalid("a signer and InsecureUnsigned exclude each other")
	case req.Now.IsZero():
		return invalid("no current time given")
	}
	if req.Released.IsZero() {
		req.Released = req.Now
	}
	req.Released = req.Released.UTC().Truncate(time.Second)
	req.Expires = req.Expires.UTC().Truncate(time.Second)

	files := map[Location]string{}
	for _, f := range req.Files {
		if err := checkPlatform(f.OS, f.Arch); err != nil {
			return err
		}
		if other, ok := files[f.at("")]; ok {
			return invalid("%q and %q are both for %s/%s", other, f.Path, f.OS, f.Arch)
		}
		files[f.at("")] = f.Path
	}
	if err := trust.CheckName(req.Name); err != nil {
		return err
	}
	if err := trust.CheckVersion(req.Version); err != nil {
		return err
	}
	for _, f := range req.Files {
		if err := trust.CheckPath(artifactName(req.Name, f.at(req.Version), anyHash, ".bz2")); err != nil {
			return err
		}
	}
	if _, err := req.encodings(); err != nil {
		return err
	}
	if err := req.completeArtifacts(files); err != nil {
		return err
	}

	return req.completePatches()
}

// completeArtifacts refuses a compressed file without a binary in files, and two
// for one encoding.
func (req *AddRequest) completeArtifacts(files map[Location]string) error {
	type place struct {
		at       Location
		encoding string
	}
	seen := map[place]string{}
	for _, a := range req.Artifacts {
		if _, ok := files[a.at("")]; !ok {
			return invalid("artifact %q is for %s/%s, but there is no binary for that platform", a.Path, a.OS, a.Arch)
		}
		e, err := encodingOf(a.Path)
		if err != nil {
			return err
		}
		at := place{a.at(""), e.name}
		if other, ok := seen[at]; ok {
			return invalid("artifacts %q and %q are both %s for %s/%s", other, a.Path, e.name, a.OS, a.Arch)
		}
		seen[at] = a.Path
	}

	return nil
}

func (req *AddRequest) completePatches() error {
	switch {
	case req.Patches < 0:
		return invalid("number of patches is %d (use 0 or more)", req.Patches)
	case req.Patches > 0 && len(req.PatchFrom) > 0:
		return invalid("a number of patches and the versions to patch from exclude each other")
	case req.Patches > 0 && !comparableVersion(req.Version):
		return invalid("version %q is not a semantic version, so there is no latest version before it (name the versions to patch from)", req.Version)
	}
	for i, v := range req.PatchFrom {
		if err := trust.CheckVersion(v); err != nil {
			return err
		}
		if slices.Contains(req.PatchFrom[:i], v) {
			return invalid("version %q to patch from is given twice", v)
		}
		if v == req.Version || comparableVersion(v) && comparableVersion(req.Version) && !olderVersion(v, req.Version) {
			return invalid("version %q to patch from is not older than %q", v, req.Version)
		}
	}

	return nil
}
