// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package release gets one release from a repository and its mirrors: its document,
// and the binary that a verified document describes.
//
//   - [Source] is the release and the repositories that may have it. Package fetch
//     decides which of them is asked next, and when.
//   - [Source.Document] fetches the document; whether it is accepted is the caller's
//     decision. [Cache] keeps an answer, so that asking again costs no body.
//   - [Full] and [Patch] choose the artifact that costs least.
//   - [Source.Binary] downloads an artifact, verifies it, and only then decodes it. If
//     that fails, the next larger artifact is used.
//
// The package takes plain values and the verified facts of package trust. It
// verifies no signature.
package release

import (
	"context"
	"net/url"

	"github.com/choria-io/go-updater/internal/fetch"
	"github.com/choria-io/go-updater/internal/layout"
)

// Log receives what a person may want to know; args are keys and values, as
// log/slog has them.
type Log interface {
	Info(ctx context.Context, message string, args ...any)
	Warn(ctx context.Context, message string, args ...any)
}

// Source is one release, and where it can be had. It is safe for concurrent use.
type Source struct {
	Release  layout.Release
	Repos    []*url.URL // the repository and its mirrors, in the order in which they are asked
	Client   *fetch.Client
	Log      Log
	MaxSize  int64 // in bytes, of an artifact and of the binary
	Progress func(Progress)
}

// urls returns the addresses of a file of the release.
func (s *Source) urls(path string) []*url.URL {
	all := make([]*url.URL, len(s.Repos))
	for i, repo := range s.Repos {
		all[i] = layout.URL(repo, s.Release.File(path))
	}
	return all
}
