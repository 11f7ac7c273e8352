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

// enough is how many new bytes, since the last break, make a break the first
// one again. What a download can cost is thereby bounded: maxTries requests for
// so many bytes.
const enough = 64 << 10

// Download is a file of known length and hash.
type Download struct {
	// URLs are where it lies, the same bytes everywhere, in order of preference.
	URLs []*url.URL

	// Size is its length in bytes.
	Size int64

	// Hash is its sha256, in lower case hex.
	Hash string

	// File is open for reading and writing and may hold the beginning, as an
	// earlier call, or process, left it. Nothing else may write to it.
	File *os.File

	// Progress, when it is not nil, is told how many bytes are there. The number
	// falls when a download starts over.
	Progress func(done int64)

	// Note, when it is not nil, is told what went wrong on the way, with
	// arguments as log/slog takes them.
	Note func(message string, args ...any)
}

// Download completes d.File. It returns nil when the file holds exactly d.Size
// bytes, every one of which it wrote or read itself, that have the hash d.Hash.
// Memory does not grow with the size.
//
// A download that breaks goes on where it was, and goes on at the next URL when
// one fails for good. When all failed, the error names each with its reason and
// answers to errors.Is for each. The file then keeps what came, for a later call,
// unless all of them have another file, by [ErrHash] or [ErrLength]: then it is
// empty. It also keeps what came when ctx ends, and when it cannot be written:
// neither is tried again.
//
// No validator has to be kept with the file: that all parts are of one file is
// proven by the hash, and when it is wrong and there was more than one part, the
// file is read once more from its start. Within one call a strong ETag saves
// that when the file changes on the server.
func (c *Client) Download(ctx context.Context, d Download) error {
	if len(d.URLs) == 0 || d.File == nil || d.Size < 0 || len(d.Hash) != 64 {
		return errors.New("downloading: URL, file, size and sha256 are required")
	}
	if d.Progress == nil {
		d.Progress = func(int64) {}
	}
	if d.Note == nil {
		d.Note = func(string, ...any) {}
	}
	p, err := openPartial(ctx, d.File, d.Size, d.Hash)
	if err != nil {
		return fmt.Errorf("reading what is there of %s: %w", shown(d.URLs[0]), err)
	}
	if p.done > 0 {
		d.Progress(p.done)
	}
	if p.done == d.Size && d.Size > 0 {
		if p.check() == nil {
			return nil
		}
		d.Note("the download on disk is another file, starting over", "url", shown(d.URLs[0]))
		if err := p.reset(); err != nil {
			return fmt.Errorf("emptying a file: %w", err)
		}
	}

	g := &gathering{Download: d, c: c, p: p, best: p.done}
	for _, u := range d.URLs {
		g.live = append(g.live, &mirror{url: u})
	}

	return g.run(ctx)
}

// mirror is one URL of a download.
type mirror struct {
	url *url.URL
	tries

	// etag is the strong entity tag of what the file holds, when that came from
	// here, or "".
	etag string

	// whole is true when its answers for a part were not sound.
	whole bool

	// afresh is true when it had to send everything a second time.
	afresh bool
}

// gathering is a download under way.
type gathering struct {
	Download
	c *Client
	p *partial

	// best is how far the file had come when tries were last counted anew. It
	// never falls while it is the same file, so that sending the beginning again
	// and again is no progress.
	best int64

	live []*mirror // in the order of trying
	errs []error   // of those that failed
}

func (g *gathering) run(ctx context.Context) error {
	for len(g.live) > 0 {
		m := g.live[0]
		if m.due > 0 {
			err := g.c.wait(ctx, m.due)
			if err != nil {
				return &readError{url: shown(m.url), err: err}
			}
			m.due = 0
		}
		err := g.try(ctx, m)
		if err == nil {
			return nil
		}
		err = g.judge(ctx, m, err)
		if err != nil {
			return &readError{url: shown(m.url), err: err}
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

// try is one request. It returns nil when the file is complete and right.
func (g *gathering) try(ctx context.Context, m *mirror) error {
	q := question{bound: bound{size: g.Size, exact: true}, from: g.p.done, ifRange: m.etag}
	if m.whole {
		q.from = 0
	}
	a, err := g.c.open(ctx, m.url, q)
	if err != nil {
		return err
	}
	defer a.close()

	if a.from == 0 && g.p.done > 0 {
		// The server may not know ranges, or has another file by now.
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
		return fmt.Errorf("%w: only a part of what is missing was sent: %w", ErrConnection, io.ErrUnexpectedEOF)
	default:
		// A break after the last byte takes nothing away.
		return g.p.check()
	}
}

// forget the entity tags of all mirrors but m: the file has bytes of m now.
func (g *gathering) forget(m *mirror) {
	for _, other := range g.live {
		if other != m {
			other.etag = ""
		}
	}
}

// judge decides how it goes on after m failed with err: with the first of
// g.live, or not at all when it returns an error.
func (g *gathering) judge(ctx context.Context, m *mirror, err error) error {
	_, write := errors.AsType[*writeError](err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case write:
		return err
	case errors.Is(err, ErrHash):
		return g.wrong(m, err)
	case errors.Is(err, ErrRange):
		// Not a second time: no part is asked for from now on.
		m.whole = true
		g.Note("the server does not send the rest of the file, asking for all of it", "url", shown(m.url), "error", err)
		return nil
	}

	if g.p.done-g.best >= enough {
		g.best = g.p.done
		m.failed = 0
	}
	verdict := m.again(err)
	if verdict != nil {
		return g.drop(m, verdict)
	}
	g.Note("the download broke off", "url", shown(m.url), "bytes", g.p.done, "wait", m.due, "error", err)
	if errors.Is(err, ErrStalled) || m.due > longestWait {
		// Others may be faster than waiting for this one.
		g.live = append(g.live[1:], m)
	}

	return nil
}

// wrong is judge for a file with the wrong hash. When it has more than one part
// nobody knows which one lied, and m is asked for all of it, once.
func (g *gathering) wrong(m *mirror, err error) error {
	several := g.p.parts > 1
	g.best = 0
	m.etag = ""
	if resetErr := g.p.reset(); resetErr != nil {
		return &writeError{resetErr}
	}
	g.Progress(0)
	if !several || m.afresh {
		return g.drop(m, err)
	}
	m.afresh = true
	g.Note("the parts of the download do not fit together, starting over", "url", shown(m.url), "error", err)

	return nil
}

// drop gives m up.
func (g *gathering) drop(m *mirror, err error) error {
	g.errs = append(g.errs, &readError{url: shown(m.url), err: err})
	g.live = g.live[1:]
	if len(g.live) > 0 {
		g.Note("a mirror failed, trying the next one", "url", shown(m.url), "next", shown(g.live[0].url), "error", err)
	}

	return nil
}
