// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/store"
	"github.com/choria-io/go-updater/trust"
)

// ErrHash is a file that is not the one that was signed: another length or
// another hash.
var ErrHash = store.ErrHash

// Workspace is where an update happens. Its zero value has no installed file, and
// keeps no download that breaks off.
type Workspace struct {
	// Installed opens the file that is replaced, and returns its SHA-256 in hex.
	// The caller closes it.
	Installed func() (*os.File, string, error)

	// Partial opens the file that collects the download with this SHA-256, with
	// what is there already. end closes it, and removes it unless keep is set.
	Partial func(sha256hex string) (file *os.File, end func(keep bool) error, err error)

	// Create creates a private file at path, target or another one beside it, which
	// must not exist. remove removes it again. If Create is nil, path is opened as it
	// is: another user must not be able to exchange the directories in it.
	Create func(path string) (file *os.File, remove func() error, err error)
}

// Binary creates target, which must not exist, with the uncompressed binary of a
// verified release. Each artifact is verified before it is decoded, and the binary
// against its hash while it is written. An artifact that cannot be had, or is not what
// the document says, leads to the next larger one: a patch first, then those that hold
// the whole binary. On an error, which contains that of each artifact, target does
// not exist.
func (s *Source) Binary(ctx context.Context, v *trust.Verified, target string, work Workspace) error {
	full, err := fullArtifacts(v)
	if err != nil {
		return err
	}
	d := download{Source: s, release: &v.Release, target: target, work: work}
	if v.Legacy {
		// A document of v0.1.0 does not say what the artifact is, so which
		// repository has it is known only once the binary is there.
		return s.Client.Each(ctx, s.Repos, func(client *fetch.Client, repo *url.URL) error {
			one := *s
			one.Client, one.Repos, d.Source = client, []*url.URL{repo}, &one
			return d.artifact(ctx, &full[0], nil)
		})
	}
	if patch, old := s.patch(ctx, v, &full[0], work); patch != nil {
		err = d.artifact(ctx, patch, old)
		_ = old.Close()
		if err == nil || final(ctx, err) {
			return err
		}
		s.Log.Warn(ctx, "artifact failed, trying the next one", "artifact", patch.Path, "next", full[0].Path, "error", err)
	}
	return d.firstOf(ctx, full, err)
}

// firstOf makes the binary from the first artifact that can be had. failed is the
// error of those that were tried before.
func (d *download) firstOf(ctx context.Context, all []trust.Artifact, failed error) error {
	for i := range all {
		err := d.artifact(ctx, &all[i], nil)
		if err == nil || final(ctx, err) {
			return err
		}
		if i+1 < len(all) {
			d.Log.Warn(ctx, "artifact failed, trying the next one", "artifact", all[i].Path, "next", all[i+1].Path, "error", err)
		}
		if failed != nil {
			err = fmt.Errorf("%w; %w", failed, err)
		}
		failed = err
	}
	return failed
}

// final reports whether another artifact cannot help: the caller ended the download,
// or this machine's disk did.
func final(ctx context.Context, err error) bool {
	_, local := errors.AsType[*fetch.LocalError](err)
	return local || ctx.Err() != nil
}

// patch chooses a patch, and opens the installed file for it. The result of the
// patch is hashed like everything else.
func (s *Source) patch(ctx context.Context, v *trust.Verified, full *trust.Artifact, work Workspace) (*trust.Artifact, *os.File) {
	if work.Installed == nil || !HasPatch(&v.Release, full) {
		return nil, nil
	}
	old, installed, err := work.Installed()
	if err != nil {
		s.Log.Warn(ctx, "the installed file cannot be read for a patch", "error", err)
		return nil, nil
	}
	patch := Patch(&v.Release, full, installed)
	if patch == nil {
		_ = old.Close()
		return nil, nil
	}
	return patch, old
}

// download is the way of one binary from the repository to target.
type download struct {
	*Source
	release *trust.Release
	target  string
	work    Workspace
}

// artifact fetches, verifies and decodes one artifact. A patch needs the old file.
func (d *download) artifact(ctx context.Context, a *trust.Artifact, old *os.File) (err error) {
	packed, end, err := d.collect(a)
	if err != nil {
		return &fetch.LocalError{Doing: "creating a file for the artifact", Err: err}
	}
	defer func() {
		if endErr := end(worthKeeping(ctx, err)); endErr != nil {
			d.Log.Warn(ctx, "could not clean up after the download", "error", endErr)
		}
	}()
	if err := d.fetch(ctx, a, packed); err != nil {
		return err
	}
	return d.decode(ctx, a, packed, old)
}

// worthKeeping reports whether a download failed because the repository or the
// caller stopped it. What has the wrong hash is removed, and nothing is left on a disk
// that fails or is full. An answer of another length says nothing about what came
// before it.
func worthKeeping(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil {
		return err != nil
	}
	for _, kind := range []error{fetch.ErrConnection, fetch.ErrStalled, fetch.ErrStatus, fetch.ErrLength} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// collect opens the file that the artifact is downloaded to. It is beside the
// target, not in TMPDIR, and its name lets the next update continue or remove it
// if this process dies.
func (d *download) collect(a *trust.Artifact) (packed *os.File, end func(keep bool) error, err error) {
	if d.work.Partial != nil && a.Hash != "" {
		return d.work.Partial(a.Hash)
	}
	name := filepath.Join(filepath.Dir(d.target), "stage-"+rand.Text())
	packed, remove, err := d.create(name)
	return packed, func(bool) error { return errors.Join(packed.Close(), remove()) }, err
}

// create creates a private file at path.
func (d *download) create(path string) (file *os.File, remove func() error, err error) {
	if d.work.Create != nil {
		return d.work.Create(path)
	}
	file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return file, func() error { return os.Remove(path) }, err
}

// fetch writes the artifact to packed and checks its length and hash, if the
// document states them, before a decoder sees it.
func (d *download) fetch(ctx context.Context, a *trust.Artifact, packed *os.File) error {
	if a.Size > d.MaxSize {
		return fmt.Errorf("%w: an artifact of %d bytes, MaxSize() is %d", fetch.ErrTooLarge, a.Size, d.MaxSize)
	}
	urls := d.urls(a.Path)
	d.Log.Info(ctx, "fetching", "url", fetch.Shown(urls[0]), "bytes", a.Size)
	report := d.report(PhaseDownload, a.Size)
	if a.Hash == "" {
		_, err := d.Client.Stream(ctx, urls[0], d.MaxSize, packed, report)
		return err
	}
	err := d.Client.Download(ctx, fetch.Download{
		URLs: urls, Size: a.Size, Hash: a.Hash, File: packed, Progress: report,
	})
	if errors.Is(err, fetch.ErrHash) || errors.Is(err, fetch.ErrLength) {
		err = fmt.Errorf("%w: %w", ErrHash, err)
	}
	return err
}

// decode writes the binary into a new file at the target.
func (d *download) decode(ctx context.Context, a *trust.Artifact, packed, old *os.File) (err error) {
	out, remove, err := d.create(d.target)
	if err != nil {
		return &fetch.LocalError{Doing: "creating the staged file", Err: err}
	}
	defer func() {
		if closeErr := out.Close(); err == nil && closeErr != nil {
			err = &fetch.LocalError{Doing: "closing the staged file", Err: closeErr}
		}
		if err != nil {
			_ = remove()
		}
	}()
	from := Input{Artifact: *a, Packed: packed, MaxSize: d.MaxSize}
	if old != nil {
		info, err := old.Stat()
		if err != nil {
			return err
		}
		from.Old, from.OldSize = old, info.Size()
	}
	_, err = Decode(ctx, &reporter{ctx: ctx, w: out, report: d.report(PhaseUnpack, d.release.Size)}, d.release, from)
	if err != nil {
		return fmt.Errorf("artifact %s: %w", a.Path, err)
	}
	return nil
}
