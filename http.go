// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/trust"
)

// HTTPDownloader downloads releases from a normal HTTP(S) server, or from a
// directory given as file:// URL
//
// The update directory structure is:
//
//	root/<Version>/<OperatingSystem>/<Architecture>/release.json
//
// It never follows a redirect from https to http, sends the option Header to
// the repository's own origin only, gives up on a server that sends too little
// to wait for, and stops reading at the signed length. Its methods must not be
// called concurrently on one value; the core does not. One value serves one
// [Updater]: [New] refuses what another has. Calls of [FetchSpec] and [Apply]
// may share one, in turn.
type HTTPDownloader struct {
	cfg    *Config
	client *fetch.Client
}

// Configure implements Downloader
func (h *HTTPDownloader) Configure(c *Config) error {
	// Else the first Updater would ask where the second does, with its headers.
	if c.inUse != nil && h.cfg != nil && h.cfg.inUse != nil && *h.cfg.inUse && h.cfg.inUse != c.inUse {
		return errors.New("this HTTPDownloader is another Updater's, give each its own")
	}
	h.cfg, h.client = c, nil
	if c.SourceRepo == "" {
		return nil // a caller that configures first and fills in later
	}
	return h.connect()
}

// connect makes the client, which keeps connections from one call to the next.
func (h *HTTPDownloader) connect() error {
	if h.cfg == nil {
		return errors.New("the HTTPDownloader was not configured")
	}
	if h.client != nil {
		return nil
	}
	repo, err := repoURL(h.cfg.SourceRepo)
	if err != nil {
		return err
	}
	h.client, err = fetch.New(fetch.Options{HTTP: h.cfg.client, Header: h.cfg.header, Origin: repo, Idle: h.cfg.idle})
	return err
}

// FetchSpec implements Downloader. The Spec is not verified yet: call the
// package function [FetchSpec] for one that is.
func (h *HTTPDownloader) FetchSpec() (*Spec, error) {
	if err := h.connect(); err != nil {
		return nil, err
	}
	u, err := h.cfg.url("release.json")
	if err != nil {
		return nil, err
	}
	document, err := h.client.Document(h.cfg.Context(), u, trust.MaxDocument)
	if err != nil {
		return nil, err
	}
	spec, err := ParseSpec(document)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fetch.Shown(u), err)
	}
	// A path outside the grammar gets no URL; verification says why.
	if trust.CheckPath(spec.BinaryPath) == nil {
		spec.BinaryURI, err = h.cfg.url(spec.BinaryPath)
	}
	return spec, err
}

// FetchBinary implements Downloader: it verifies the document of spec, then
// the artifact as it came, and only then unpacks it into target, which must
// not exist. On an error target does not exist.
func (h *HTTPDownloader) FetchBinary(spec *Spec, target string) (err error) {
	if err := h.connect(); err != nil {
		return err
	}
	// A Spec cannot claim to be verified, so it is done here again.
	v, err := h.cfg.verify(spec)
	if err != nil {
		return err
	}
	artifact, err := choose(v)
	if err != nil {
		return err
	}
	// Beside target, not in TMPDIR, and named like a staged file, so that the
	// next update clears it away should this process die.
	name := filepath.Join(filepath.Dir(target), "stage-"+rand.Text())
	packed, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("creating a file for the artifact: %w", err)
	}
	defer os.Remove(name)
	defer packed.Close()
	if err := h.download(artifact, packed); err != nil {
		return err
	}
	return h.unpack(artifact, packed, &v.Release, target)
}

// choose picks the artifact that costs least to transfer of those that can be
// read. Documents of v0.1.0 name one file, always bzip2, of unknown size.
func choose(v *trust.Verified) (*trust.Artifact, error) {
	if v.Legacy {
		return &trust.Artifact{Path: v.Release.Binary, Encoding: codec.Bzip2}, nil
	}
	usable := slices.DeleteFunc(slices.Clone(v.Release.Artifacts), func(a trust.Artifact) bool {
		return a.From != "" || !codec.Known(a.Encoding)
	})
	if len(usable) == 0 {
		return nil, ErrNoArtifact
	}
	cheapest := slices.MinFunc(usable, func(a, b trust.Artifact) int { return cmp.Compare(a.Size, b.Size) })
	return &cheapest, nil
}

// download writes the artifact to packed and checks its length and hash, when
// the document has them, before anybody decodes it.
func (h *HTTPDownloader) download(a *trust.Artifact, packed *os.File) error {
	if a.Size > h.cfg.sizeLimit() {
		return fmt.Errorf("%w: an artifact of %d bytes, MaxSize() is %d", ErrTooLarge, a.Size, h.cfg.sizeLimit())
	}
	u, err := h.cfg.url(a.Path)
	if err != nil {
		return err
	}
	h.cfg.note(slog.LevelInfo, "fetching", "url", fetch.Shown(u), "bytes", a.Size)
	sum := sha256.New()
	out := io.MultiWriter(packed, sum)
	report := h.report(PhaseDownload, a.Size)
	if a.Hash == "" {
		_, err = h.client.Stream(h.cfg.Context(), u, h.cfg.sizeLimit(), out, report)
		return err
	}
	if err := h.client.Artifact(h.cfg.Context(), u, a.Size, out, report); err != nil {
		if errors.Is(err, fetch.ErrLength) {
			return fmt.Errorf("%w: %w", ErrHash, err)
		}
		return err
	}
	return checkSum(sum, a.Hash, a.Path)
}

// unpack decodes packed, from its start, into a new file at target.
func (h *HTTPDownloader) unpack(a *trust.Artifact, packed *os.File, r *trust.Release, target string) (err error) {
	if _, err := packed.Seek(0, io.SeekStart); err != nil {
		return err
	}
	out, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("creating the staged file: %w", err)
	}
	defer func() {
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			os.Remove(target)
		}
	}()
	sum := sha256.New()
	w := &reporter{w: io.MultiWriter(out, sum), ctx: h.cfg.Context(), report: h.report(PhaseUnpack, r.Size)}
	if r.Size > 0 {
		err = codec.Copy(w, a.Encoding, packed, r.Size)
	} else {
		err = copyUpTo(w, a.Encoding, packed, h.cfg.sizeLimit())
	}
	switch {
	case errors.Is(err, codec.ErrSize), errors.Is(err, codec.ErrCorrupt):
		return fmt.Errorf("unpacking %s: %w: %w", a.Path, ErrHash, err)
	case err != nil:
		return fmt.Errorf("unpacking %s: %w", a.Path, err)
	}
	return checkSum(sum, r.Hash, "the binary in "+a.Path)
}

// copyUpTo decodes what has no signed size: an artifact of v0.1.0.
func copyUpTo(w io.Writer, encoding string, packed io.Reader, limit int64) error {
	unpacked, err := codec.Decode(encoding, packed)
	if err != nil {
		return err
	}
	defer unpacked.Close()
	n, err := io.Copy(w, io.LimitReader(unpacked, limit+1))
	if err == nil && n > limit {
		return fmt.Errorf("%w: more than the %d bytes of MaxSize()", ErrTooLarge, limit)
	}
	return err
}

func checkSum(sum hash.Hash, want, what string) error {
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%w: %s has sha256 %s, the release says %s", ErrHash, what, got, want)
	}
	return nil
}

func (h *HTTPDownloader) report(phase Phase, total int64) func(done int64) {
	return func(done int64) {
		if h.cfg.progress != nil {
			h.cfg.progress(ProgressReport{Phase: phase, Done: done, Total: total})
		}
	}
}

// url is the address of a file of the release. path has the grammar of
// trust.CheckPath, and so have the configuration's parts.
func (c *Config) url(path string) (*url.URL, error) {
	u, err := repoURL(c.SourceRepo)
	if err != nil {
		return nil, err
	}
	full := strings.Join([]string{c.Version, c.OperatingSystem, c.Architecture, path}, "/")
	// Object stores read a plus sign in a path as a space unless it is escaped.
	escaped := strings.TrimSuffix(u.EscapedPath(), "/") + "/" + strings.ReplaceAll(full, "+", "%2B")
	// Of the escaped form, because a path may end in an escaped slash.
	if u.Path, err = url.PathUnescape(escaped); err != nil {
		return nil, err
	}
	u.RawPath = escaped
	return u, nil
}

func repoURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		// url.Error quotes its input, which may hold a password.
		return nil, errors.New("SourceRepo() is not a URL")
	}
	switch {
	case u.Scheme == "file":
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	default:
		return nil, errors.New("SourceRepo() is not an http, https or file URL")
	}
	return u, nil
}

// redacted is a repository's address as it may be logged: without user,
// password and query.
func redacted(repo string) string {
	u, err := url.Parse(repo)
	if err != nil {
		return "(not a URL)"
	}
	return fetch.Shown(u)
}

// reporter passes on what is written, tells how much it was, and stops when the
// update is cancelled.
type reporter struct {
	w      io.Writer
	ctx    context.Context
	report func(done int64)
	done   int64
}

func (r *reporter) Write(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.w.Write(p)
	r.done += int64(n)
	r.report(r.done)
	return n, err
}
