// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
)

// minProgress is how many new bytes reset the count of failures. The number of
// requests is thereby limited to maxTries for so many bytes.
const minProgress = 64 << 10

// Download is a file of known length and hash to download.
type Download struct {
	// URLs of the file, in order of preference.
	URLs []*url.URL

	// Size is the length of the file in bytes.
	Size int64

	// Hash is the sha256 of the file, in lower case hex.
	Hash string

	// File is open for reading and writing. It may contain a partial download of
	// an earlier call or process. Nothing else may write to it.
	File *os.File

	// Progress, if not nil, is called with the number of bytes in the file. It
	// goes down when a download starts over.
	Progress func(done int64)
}

// Download completes d.File. It returns nil if the file has exactly d.Size bytes
// with the hash d.Hash, all of which it wrote or read itself. Memory does not
// depend on the size.
//
// After an interruption the download resumes where it was. If a URL fails for
// good, it resumes at the next one. If all fail, errors.Is matches the error of
// each. The file then keeps what was downloaded for a later call, and is empty if
// that has the wrong hash. The file also keeps what was downloaded if ctx ends or
// the file cannot be written ([LocalError]). Neither is retried.
//
// Callers need not store an entity tag with the file: the hash proves that all
// parts are of one file. If it is wrong and there was more than one part, the
// file is downloaded again from the start. Within one call, a strong entity tag
// avoids that if the file changes on the server.
func (c *Client) Download(ctx context.Context, d Download) error {
	if len(d.URLs) == 0 || d.File == nil || d.Size < 0 || len(d.Hash) != 64 {
		return errors.New("downloading: URLs, File, Size and Hash are required")
	}
	if d.Progress == nil {
		d.Progress = func(int64) {}
	}
	p, err := openPartial(ctx, d.File, d.Size, d.Hash)
	if err != nil {
		return readErrorAt(d.URLs[0], &LocalError{"reading the partial download", err})
	}
	if p.done > 0 {
		d.Progress(p.done)
	}
	if p.done == d.Size && d.Size > 0 {
		if p.check() == nil {
			return nil
		}
		c.note(ctx, "the partial download has the wrong hash, starting over", "url", Shown(d.URLs[0]))
		if err := p.reset(); err != nil {
			return readErrorAt(d.URLs[0], &LocalError{"truncating the partial download", err})
		}
	}
	g := &downloader{Download: d, c: c, p: p, best: p.done, queue: c.queue(d.URLs, readErrorAt)}

	return g.queue.run(ctx, func(m *place) failure { return g.try(ctx, m) })
}

// downloader is a running download.
type downloader struct {
	Download
	c     *Client
	p     *partial
	queue *queue

	// best is the length of the file when failures were last reset. It does not
	// go down for the same file: the same bytes again are not progress.
	best int64
}

// try makes one request. It succeeds if the file is complete and correct.
func (g *downloader) try(ctx context.Context, m *place) failure {
	q := request{bound: bound{size: g.Size, exact: true}, opaque: true, from: g.p.done, ifRange: m.etag}
	if m.unranged {
		q.from = 0
	}
	f := failure{ranged: q.from > 0}
	f.accepted, f.err = g.request(ctx, m, q)
	f.temporary = temporary(f.err)
	if errors.Is(f.err, ErrHash) {
		f.mixed = g.p.parts > 1 && !m.restarted
		g.best = 0
		if err := g.p.reset(); err != nil {
			f.err = &LocalError{"truncating the download", err}
			return f
		}
		g.Progress(0)
	}
	if f.progress = g.p.done-g.best >= minProgress; f.progress {
		g.best = g.p.done
	}

	return f
}

func (g *downloader) request(ctx context.Context, m *place, q request) (accepted bool, err error) {
	a, err := g.c.open(ctx, m.url, q)
	if err != nil {
		return false, err
	}
	defer a.close()
	if a.from == 0 && g.p.done > 0 {
		// The server does not support ranges, or has another file by now.
		if err := g.replace(a); err != nil {
			return true, err
		}
	}
	if err := g.p.mark(); err != nil {
		return true, &LocalError{"hashing the download", err}
	}
	_, err = a.copy(g.p, g.Progress)
	if errors.Is(err, ErrLength) {
		// The bytes are of another file.
		if err := g.p.back(); err != nil {
			return true, &LocalError{"truncating the download", err}
		}
		g.Progress(g.p.done)
	}
	if g.p.done > a.from {
		g.p.parts++
		g.forget(m)
		m.etag = strong(a.etag)
	}
	switch {
	case err != nil && (g.p.done < g.Size || !temporary(err)):
		return true, err
	case g.p.done < g.Size:
		return true, fmt.Errorf("%w: the response is shorter than the missing part: %w", ErrConnection, io.ErrUnexpectedEOF)
	default:
		// An error after the last byte does not matter.
		return true, g.p.check()
	}
}

// replace empties the file for an answer with the whole, of which the first bytes
// have come. A login page without a Content-Length ends before.
func (g *downloader) replace(a *response) error {
	first := make([]byte, min(g.Size, minProgress))
	n, err := io.ReadFull(a.body, first)
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return a.where(fmt.Errorf("%w: got %d of %d bytes", ErrLength, n, g.Size))
	case err != nil:
		return a.where(err)
	}
	a.body = io.MultiReader(bytes.NewReader(first), a.body)
	if err := g.p.reset(); err != nil {
		return &LocalError{"truncating the download", err}
	}
	g.Progress(0)

	return nil
}

// forget clears the entity tags of other mirrors: the file now has bytes of m.
func (g *downloader) forget(m *place) {
	for _, other := range g.queue.live {
		if other != m {
			other.etag = ""
		}
	}
}
