// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/choria-io/go-updater/internal/codec"
	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/trust"
)

// source is where a release is read from to be checked. What it returns is not
// trusted.
type source interface {
	document(ctx context.Context, l Location) ([]byte, error)

	// artifact returns a file that is read twice: a decoder must not see it
	// before its hash was compared. A size below zero is not known.
	artifact(ctx context.Context, l Location, name string, size int64) (artifactFile, error)

	// fetch returns a file of at most limit bytes. It returns fetch.ErrNotFound and
	// fetch.ErrTooLarge, as a client gets them.
	fetch(ctx context.Context, name string, limit int64) ([]byte, error)

	// older returns the binary that a patch applies to, or nil when it is not
	// there or cannot be looked for.
	older(ctx context.Context, l Location, hash string) ([]byte, error)
}

// artifactFile is a file that is read more than once.
type artifactFile interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// local is a repository on this machine.
type local struct{ *Repository }

func (s local) document(ctx context.Context, l Location) ([]byte, error) {
	return s.readDocument(ctx, l)
}

func (s local) artifact(_ context.Context, l Location, name string, _ int64) (artifactFile, error) {
	return s.openRegular(path.Join(l.dir(), name))
}

// remote is a repository somewhere else, which answers as to any client.
type remote struct {
	client *fetch.Client
	base   *url.URL
}

// at is the URL of a file as a client builds it. Object stores read a plus sign
// in a path as a space unless it is escaped.
func (s remote) at(name string) *url.URL {
	escaped := strings.TrimSuffix(s.base.EscapedPath(), "/") + "/" + strings.ReplaceAll(name, "+", "%2B")
	u := *s.base
	u.RawPath = escaped
	// Of the escaped form, because the base may end in an escaped slash. It can
	// be unescaped: EscapedPath is valid, and a name has no percent sign.
	u.Path, _ = url.PathUnescape(escaped)

	return &u
}

func (s remote) document(ctx context.Context, l Location) ([]byte, error) {
	return s.fetched(ctx, l.document())
}

func (s remote) fetched(ctx context.Context, name string) ([]byte, error) {
	raw, err := s.client.Document(ctx, s.at(name), trust.MaxDocument)
	switch {
	case errors.Is(err, fetch.ErrNotFound):
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	case errors.Is(err, fetch.ErrTooLarge):
		return nil, fmt.Errorf("%w: %w", trust.ErrMalformed, err)
	}

	return raw, err
}

func (s remote) artifact(ctx context.Context, l Location, name string, size int64) (_ artifactFile, err error) {
	f, err := os.CreateTemp("", "update-repo-*")
	if err != nil {
		return nil, err
	}
	spooled := spool{f}
	defer func() {
		if err != nil {
			err = errors.Join(err, spooled.Close())
		}
	}()

	u := s.at(path.Join(l.dir(), name))
	if size >= 0 {
		err = s.client.Artifact(ctx, u, size, f, nil)
	} else {
		_, err = s.client.Stream(ctx, u, maxUnsigned, f, nil)
	}
	switch {
	case errors.Is(err, fetch.ErrNotFound):
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	case errors.Is(err, fetch.ErrLength), errors.Is(err, fetch.ErrTooLarge):
		return nil, fmt.Errorf("%w: %w", ErrHash, err)
	case err != nil:
		return nil, err
	}
	_, err = f.Seek(0, io.SeekStart)

	return spooled, err
}

// spool is a file that is gone when it is closed.
type spool struct{ *os.File }

func (s spool) Close() error { return errors.Join(s.File.Close(), os.Remove(s.Name())) }

// checkArtifacts does for every artifact what a client does for the one it
// takes, in the order in which it does it.
func checkArtifacts(ctx context.Context, src source, l Location, v *trust.Verified) (warnings []string, errs []error) {
	if v.Legacy {
		_, err := measureLegacy(ctx, src, l, &v.Release)
		if err != nil {
			errs = append(errs, err)
		}
		return nil, errs
	}
	if !slices.ContainsFunc(v.Release.Artifacts, full) {
		errs = append(errs, ErrNoArtifact)
	}
	for _, a := range v.Release.Artifacts {
		warning, err := checkArtifact(ctx, src, l, a, &v.Release)
		if err != nil {
			errs = append(errs, fmt.Errorf("artifact %s: %w", a.Path, err))
		} else if warning != "" {
			warnings = append(warnings, fmt.Sprintf("artifact %s was not %s", a.Path, warning))
		}
	}

	return warnings, errs
}

// full tells whether an artifact is a whole binary, in an encoding we know.
func full(a trust.Artifact) bool { return a.From == "" && codec.Known(a.Encoding) }

// checkArtifact returns, as a warning, what could not be checked.
func checkArtifact(ctx context.Context, src source, l Location, a trust.Artifact, r *trust.Release) (warning string, err error) {
	f, err := src.artifact(ctx, l, a.Path, a.Size)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := intact(ctx, f, a); err != nil {
		return "", err
	}
	switch {
	case full(a):
		return "", decodes(ctx, f, a.Encoding, r.Size, r.Hash, nil)
	case a.From == "" || a.Encoding != patchEncoding:
		return fmt.Sprintf("decoded: this program does not know its encoding %q", a.Encoding), nil
	}
	old, err := src.older(ctx, l, a.From)
	if err != nil {
		return "", err
	}
	if old == nil {
		return "applied: the release that it starts from was not found", nil
	}

	return "", applies(ctx, bytes.NewReader(old), int64(len(old)), f, a.Size, r.Size, r.Hash, nil)
}

// intact compares length and hash of an artifact with what its document says,
// before any decoder sees it.
func intact(ctx context.Context, f io.Reader, a trust.Artifact) error {
	got := newMeasure()
	if _, err := io.Copy(got, io.LimitReader(cancellable{ctx, f}, a.Size+1)); err != nil {
		return err
	}
	if got.size > a.Size {
		return fmt.Errorf("%w: it is longer than %d bytes", ErrHash, a.Size)
	}
	if got.size < a.Size {
		return fmt.Errorf("%w: it has %d bytes instead of %d", ErrHash, got.size, a.Size)
	}
	if got.sum() != a.Hash {
		return fmt.Errorf("%w: its hash is %s instead of %s", ErrHash, got.sum(), a.Hash)
	}

	return nil
}

// measureLegacy checks the one artifact of a document of v0.1.0 and returns
// what the document does not say of it. Of the release it fills in the size.
func measureLegacy(ctx context.Context, src source, l Location, r *trust.Release) (*trust.Artifact, error) {
	f, err := src.artifact(ctx, l, r.Binary, -1)
	if err != nil {
		return nil, fmt.Errorf("artifact %s: %w", r.Binary, err)
	}
	defer f.Close()
	file, bin := newMeasure(), newMeasure()
	if _, err := io.Copy(file, cancellable{ctx, f}); err != nil {
		return nil, fmt.Errorf("artifact %s: %w", r.Binary, err)
	}
	encoding := encodingOf(r.Binary)
	if err := decodesTo(ctx, f, bin, encoding, r.Hash); err != nil {
		return nil, fmt.Errorf("artifact %s: %w", r.Binary, err)
	}
	r.Size = bin.size

	return &trust.Artifact{Path: r.Binary, Encoding: encoding, Size: file.size, Hash: file.sum()}, nil
}
