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
	"io/fs"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/layout"
	"github.com/choria-io/go-updater/internal/tuf/publish"
	"github.com/choria-io/go-updater/trust"
)

// metadataFiles is the directory of the metadata of a local repository.
type metadataFiles struct{ *Repository }

// Names implements publish.Directory
func (m metadataFiles) Names(context.Context) ([]string, error) {
	entries, err := m.readDir(layout.MetadataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}

	return names, nil
}

// Fetch implements client.Fetcher
func (m metadataFiles) Fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	return local(m).fetch(ctx, layout.Metadata(name), limit)
}

// fetch returns a file, with the errors of package fetch that a client gets of a web
// server.
func (s local) fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := trust.CheckPath(name); err != nil {
		return nil, err
	}
	f, err := s.openRegular(name)
	if errors.Is(err, ErrMissing) {
		return nil, fmt.Errorf("%w: %s", fetch.ErrNotFound, name)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("%w: %s has more than %d bytes", fetch.ErrTooLarge, name, limit)
	}
	if err != nil {
		return nil, err
	}

	return raw, nil
}

// remoteMetadata is the metadata of a repository behind a URL.
type remoteMetadata struct{ remote }

// Fetch implements client.Fetcher
func (m remoteMetadata) Fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	return m.fetch(ctx, layout.Metadata(name), limit)
}

func (s remote) fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	if err := trust.CheckPath(name); err != nil {
		return nil, err
	}

	return s.client.Document(ctx, s.at(name), limit)
}

// locationOf returns the location of the release that a target is.
func locationOf(target string) (Location, bool) {
	r, ok := layout.ParseDocument(target)

	return Location{r.Version, r.OS, r.Arch}, ok && trust.CheckVersion(r.Version) == nil && trust.CheckPath(target) == nil
}

// current returns the release.json that the repository has under the name of a target.
func (r *Repository) current(ctx context.Context, target string) (publish.Target, bool, error) {
	l, ok := locationOf(target)
	if !ok {
		return publish.Target{}, false, nil
	}
	raw, err := r.readDocument(ctx, l)
	if errors.Is(err, ErrMissing) {
		return publish.Target{}, false, nil
	}
	if err != nil {
		return publish.Target{}, false, err
	}

	return publish.TargetOf(raw), true, nil
}

// holds reports whether a file exists with this content.
func (r *Repository) holds(name string, content []byte) bool {
	f, err := r.openRegular(name)
	if err != nil {
		return false
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, int64(len(content))+1))

	return err == nil && bytes.Equal(raw, content)
}
