// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/trust"
)

// source is a repository to verify, on disk or at a URL. What it returns is not
// trusted.
type source interface {
	document(ctx context.Context, l Location) ([]byte, error)

	// artifact opens an artifact of a size, or of [unknownSize].
	artifact(ctx context.Context, l Location, path string, size int64) (artifactFile, error)

	// fetch returns a file of at most limit bytes. It returns fetch.ErrNotFound and
	// fetch.ErrTooLarge, as a client gets them.
	fetch(ctx context.Context, name string, limit int64) ([]byte, error)

	// oldBinary returns the binary with this hash, which a patch applies to, or
	// nil if it cannot be found.
	oldBinary(ctx context.Context, l Location, hash string) ([]byte, error)
}

// artifactFile is read twice: its hash is checked before a decoder reads it.
type artifactFile interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// local is a repository on disk.
type local struct{ *Repository }

func (s local) document(ctx context.Context, l Location) ([]byte, error) {
	return s.readDocument(ctx, l)
}

func (s local) artifact(_ context.Context, l Location, path string, _ int64) (artifactFile, error) {
	return s.openRegular(l.file(path))
}

// remote is a repository at a URL, read as clients do.
type remote struct {
	client *fetch.Client
	base   *url.URL
}

func (s remote) at(name string) *url.URL { return layout.URL(s.base, name) }

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

func (s remote) artifact(ctx context.Context, l Location, path string, size int64) (_ artifactFile, err error) {
	f, err := os.CreateTemp("", "update-repo-*")
	if err != nil {
		return nil, err
	}
	download := temporary{f}
	defer func() {
		if err != nil {
			err = errors.Join(err, download.Close())
		}
	}()

	u := s.at(l.file(path))
	if size == unknownSize {
		_, err = s.client.Stream(ctx, u, maxUnknown, f, nil)
	} else {
		err = s.client.Artifact(ctx, u, size, f, nil)
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

	return download, err
}

// temporary is a file that Close removes.
type temporary struct{ *os.File }

func (f temporary) Close() error { return errors.Join(f.File.Close(), os.Remove(f.Name())) }
