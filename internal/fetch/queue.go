// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"time"
)

// Each calls try with one repository after the other until one call succeeds. If all
// fail, the error contains each of theirs. It stops when ctx is done, and after a
// [LocalError].
//
// With several repositories try gets a client that does not wait for long. A
// repository that failed temporarily ([ErrTemporary]) is asked again after the
// others, and only once all of them have failed is a wait taken. try must be
// repeatable.
func (c *Client) Each(ctx context.Context, repos []*url.URL, try func(c *Client, repo *url.URL) error) error {
	if len(repos) == 1 {
		return try(c, repos[0])
	}
	hasty := *c
	hasty.hasty = true
	q := c.queue(repos, func(u *url.URL, err error) error { return fmt.Errorf("%s: %w", Shown(u), err) })

	return q.run(ctx, func(p *place) failure {
		err := try(&hasty, p.url)
		p.failed = max(p.failed, 1) // what try asked for was tried twice

		return failure{err: err, temporary: errors.Is(err, ErrTemporary)}
	})
}

// one asks one URL.
func (c *Client) one(ctx context.Context, u *url.URL, try func(*place) failure) error {
	return c.queue([]*url.URL{u}, readErrorAt).run(ctx, try)
}

// place is a repository, or the URL of a file, and its history in one call.
type place struct {
	url *url.URL

	failed int           // failures in a row
	due    time.Duration // wait before it may be asked again
	last   error         // why

	etag      string // the strong entity tag of what was downloaded here, or ""
	unranged  bool   // ask for no ranges
	untagged  bool   // send no entity tag
	restarted bool   // it was downloaded afresh
}

// queue is the places that have not been given up, in the order in which they are
// asked.
type queue struct {
	c      *Client
	named  func(*url.URL, error) error // adds the place to an error
	live   []*place
	errs   []error // of the others
	waited time.Duration
	last   error // the last failure
}

func (c *Client) queue(urls []*url.URL, named func(*url.URL, error) error) *queue {
	q := &queue{c: c, named: named}
	for _, u := range urls {
		q.live = append(q.live, &place{url: u})
	}

	return q
}

// run calls try until it succeeds or next says that there is nothing left to ask.
func (q *queue) run(ctx context.Context, try func(*place) failure) error {
	for len(q.live) > 0 {
		p, err := q.turn(ctx)
		if err != nil {
			return q.interrupted(p, err)
		}
		f := try(p)
		if f.err == nil {
			return nil
		}
		f = q.count(ctx, p, f)
		switch next := f.next(); {
		case next == stop && f.ended && !errors.Is(f.err, ctx.Err()):
			return q.interrupted(p, fmt.Errorf("%w, during: %w", ctx.Err(), f.err))
		case next == stop && f.ended:
			return q.interrupted(p, f.err)
		case next == stop:
			return q.named(p.url, f.err)
		case next == elsewhere, next == later && len(q.live) == 1:
			q.giveUp(ctx, p, f)
		default:
			q.again(ctx, p, next, f)
		}
		q.last = q.named(p.url, f.err)
	}
	if len(q.errs) == 1 {
		return q.errs[0]
	}

	return &mirrorsError{q.errs}
}

// turn returns the first place that requires no long wait, else the one whose wait is
// over first, after that wait.
func (q *queue) turn(ctx context.Context) (*place, error) {
	p := q.live[0]
	for _, other := range q.live {
		// The order counts among those that require no long wait.
		if p.due > patience && other.due < p.due {
			p = other
		}
	}
	if p.due == 0 {
		return p, nil
	}
	took := p.due
	q.c.note(ctx, "waiting before the next request", "url", Shown(p.url), "wait", took.Round(time.Millisecond), "error", printable(p.last.Error()))
	err := q.c.wait(ctx, took)
	q.waited += took
	for _, p := range q.live {
		p.due = max(p.due-took, 0)
	}

	return p, err
}

// count adds what the queue knows to a failure. A wait of ours is random, up to a
// limit that doubles, so that clients do not all retry at once.
func (q *queue) count(ctx context.Context, p *place, f failure) failure {
	if f.progress {
		p.failed = 0
	}
	p.failed++
	if errors.Is(f.err, ErrStalled) {
		// A stall has taken the idle time already, so it counts twice.
		p.failed++
	}
	p.last = f.err
	f.failed, f.waited, f.ended = p.failed, q.waited, ctx.Err() != nil
	f.others = len(q.live) > 1 || q.c.hasty
	f.wait = rand.N(min(firstWait<<min(p.failed-1, 16), longestWait))
	if status, ok := errors.AsType[*statusError](f.err); ok {
		f.wait = max(f.wait, status.after)
	}

	return f
}

// again keeps p in the queue.
func (q *queue) again(ctx context.Context, p *place, next step, f failure) {
	message := ""
	switch next {
	case here:
		p.due = f.wait
		return // turn reports the wait
	case later:
		p.due = f.wait
		q.remove(p)
		q.live = append(q.live, p)
		message = "request failed, asking the next mirror first"
	case unranged:
		p.unranged = true
		message = "the server did not resume the download, asking for the whole file"
	case untagged:
		p.untagged = true
		message = "the server refused a request with an entity tag, asking without"
	case afresh:
		p.restarted = true
		message = "the parts of the download do not match, starting over"
	}
	q.c.note(ctx, message, "url", Shown(p.url), "error", printable(f.err.Error()))
}

// giveUp removes p from the queue.
func (q *queue) giveUp(ctx context.Context, p *place, f failure) {
	err := f.err
	switch {
	case !f.temporary || q.c.hasty:
	case f.failed >= maxTries:
		err = fmt.Errorf("giving up after several tries: %w", err)
	case f.waited+f.wait > maxWaiting:
		err = fmt.Errorf("giving up after waiting for %s: %w", f.waited.Round(time.Second), err)
	}
	q.errs = append(q.errs, q.named(p.url, err))
	q.remove(p)
	if len(q.live) > 0 {
		q.c.note(ctx, "mirror failed, trying the next one", "url", Shown(p.url), "next", Shown(q.live[0].url), "error", printable(err.Error()))
	}
}

func (q *queue) remove(p *place) {
	q.live = slices.DeleteFunc(q.live, func(o *place) bool { return o == p })
}

// interrupted is the error when the caller ended a call at p. It names the last
// answer, which is why the call took so long.
func (q *queue) interrupted(p *place, err error) error {
	if q.last != nil {
		err = fmt.Errorf("%w, after: %w", err, q.last)
	}

	return q.named(p.url, err)
}
