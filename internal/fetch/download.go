// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
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

	// Note, if not nil, is called with problems that did not end the download,
	// with arguments as for log/slog.
	Note func(message string, args ...any)
}

// Download completes d.File. It returns nil if the file has exactly d.Size bytes
// with the hash d.Hash, all of which it wrote or read itself. Memory does not
// depend on the size.
//
// After an interruption the download resumes where it was. If a URL fails for
// good, it resumes at the next one. If all fail, errors.Is matches the error of
// each. The file then keeps what was downloaded for a later call, unless all URLs
// have another file ([ErrHash] or [ErrLength]): then it is empty. The file also
// keeps what was downloaded if ctx ends or the file cannot be written. Neither is
// retried.
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
	if d.Note == nil {
		d.Note = func(string, ...any) {}
	}
	p, err := openPartial(ctx, d.File, d.Size, d.Hash)
	if err != nil {
		return fmt.Errorf("reading the partial download of %s: %w", Shown(d.URLs[0]), err)
	}
	if p.done > 0 {
		d.Progress(p.done)
	}
	if p.done == d.Size && d.Size > 0 {
		if p.check() == nil {
			return nil
		}
		d.Note("the partial download has the wrong hash, starting over", "url", Shown(d.URLs[0]))
		if err := p.reset(); err != nil {
			return fmt.Errorf("truncating the partial download: %w", err)
		}
	}

	g := &downloader{Download: d, c: c, p: p, best: p.done}
	for _, u := range d.URLs {
		g.live = append(g.live, &mirror{url: u})
	}

	return g.run(ctx)
}

// mirror is one URL of a download.
type mirror struct {
	url *url.URL
	tries

	// etag is the strong entity tag of what was downloaded from this URL, or "".
	etag string

	// noRanges is true after an invalid response to a request for a range.
	noRanges bool

	// restarted is true after the second download from the start.
	restarted bool
}

// downloader is a running download.
type downloader struct {
	Download
	c *Client
	p *partial

	// best is the length of the file when failures were last reset. It does not
	// go down for the same file: the same bytes again are not progress.
	best int64

	live []*mirror // in the order of use
	errs []error   // of the mirrors that failed
}

func (g *downloader) run(ctx context.Context) error {
	for len(g.live) > 0 {
		m := g.live[0]
		if m.due > 0 {
			err := g.c.wait(ctx, m.due)
			if err != nil {
				return &readError{url: Shown(m.url), err: err}
			}
			m.due = 0
		}
		err := g.try(ctx, m)
		if err == nil {
			return nil
		}
		err = g.handle(ctx, m, err)
		if err != nil {
			return &readError{url: Shown(m.url), err: err}
		}
	}

	other := 0
	for _, err := range g.errs {
		if errors.Is(err, ErrHash) || errors.Is(err, ErrLength) {
			other++
		}
	}
	err := g.errs[0]
	if len(g.errs) > 1 {
		err = &mirrorsError{g.errs}
	}
	if other < len(g.errs) {
		return err
	}
	if resetErr := g.p.reset(); resetErr != nil {
		return errors.Join(err, resetErr)
	}

	return err
}

// try makes one request. It returns nil if the file is complete and correct.
func (g *downloader) try(ctx context.Context, m *mirror) error {
	q := request{bound: bound{size: g.Size, exact: true}, from: g.p.done, ifRange: m.etag}
	if m.noRanges {
		q.from = 0
	}
	a, err := g.c.open(ctx, m.url, q)
	if err != nil {
		return err
	}
	defer a.close()

	if a.from == 0 && g.p.done > 0 {
		// The server does not support ranges, or has another file by now.
		err = g.p.reset()
		if err != nil {
			return &writeError{err}
		}
		g.Progress(0)
	}
	_, err = a.copy(g.p, g.Progress)
	if g.p.done > a.from {
		g.p.parts++
		g.forget(m)
		m.etag = strong(a.etag)
	}
	switch {
	case err != nil && (g.p.done < g.Size || !retryable(err)):
		return err
	case g.p.done < g.Size:
		return fmt.Errorf("%w: the response is shorter than the missing part: %w", ErrConnection, io.ErrUnexpectedEOF)
	default:
		// An error after the last byte does not matter.
		return g.p.check()
	}
}

// forget clears the entity tags of other mirrors: the file now has bytes of m.
func (g *downloader) forget(m *mirror) {
	for _, other := range g.live {
		if other != m {
			other.etag = ""
		}
	}
}

// handle decides what follows the failure of m with err. The download goes on with
// the first of g.live, unless handle returns an error.
func (g *downloader) handle(ctx context.Context, m *mirror, err error) error {
	_, write := errors.AsType[*writeError](err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case write:
		return err
	case errors.Is(err, ErrHash):
		return g.wrongHash(m, err)
	case errors.Is(err, ErrRange):
		m.noRanges = true
		g.Note("the server did not resume the download, starting over", "url", Shown(m.url), "error", err)
		return nil
	}

	if g.p.done-g.best >= minProgress {
		g.best = g.p.done
		m.failed = 0
	}
	verdict := m.again(err)
	if verdict != nil {
		return g.giveUp(m, verdict)
	}
	g.Note("the download was interrupted, retrying", "url", Shown(m.url), "bytes", g.p.done, "wait", m.due, "error", err)
	if errors.Is(err, ErrStalled) || m.due > longestWait {
		// Another mirror may be faster.
		g.live = append(g.live[1:], m)
	}

	return nil
}

// wrongHash is handle for a file with the wrong hash. If it has more than one part, the
// wrong one is unknown, and the whole file is downloaded from m, once.
func (g *downloader) wrongHash(m *mirror, err error) error {
	several := g.p.parts > 1
	g.best = 0
	m.etag = ""
	if resetErr := g.p.reset(); resetErr != nil {
		return &writeError{resetErr}
	}
	g.Progress(0)
	if !several || m.restarted {
		return g.giveUp(m, err)
	}
	m.restarted = true
	g.Note("the parts of the download do not match, starting over", "url", Shown(m.url), "error", err)

	return nil
}

// giveUp gives up on m.
func (g *downloader) giveUp(m *mirror, err error) error {
	g.errs = append(g.errs, &readError{url: Shown(m.url), err: err})
	g.live = g.live[1:]
	if len(g.live) > 0 {
		g.Note("mirror failed, trying the next one", "url", Shown(m.url), "next", Shown(g.live[0].url), "error", err)
	}

	return nil
}
