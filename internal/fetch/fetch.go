// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package fetch reads documents and artifacts from a repository over HTTP,
// HTTPS or from local files, and treats whoever answers as an enemy.
//
// A server, a mirror or anyone on the path may answer with anything, for as
// long as he likes. What reaches the caller is bounded in size, in time without
// progress and in where it came from; it is not authentic. Nothing here checks
// a signature, so bytes from this package are used for nothing before package
// trust, or a comparison with a signed hash, said so. [Client.Download] makes
// that comparison; its hash must come from a verified document.
//
// What is promised:
//
//   - At most limit+1 bytes are read and at most limit are kept; an artifact is
//     exactly as long as the caller said.
//   - Only status 200 without a Content-Encoding is an answer, so the bytes
//     that are counted are the bytes that were sent. Two more are, when they
//     were asked for: 304 of [Client.Conditional], and 206 of a download that
//     goes on, when it is the one range that is missing.
//   - Redirects are followed ten times at most, never from https to http, and
//     never to another kind of URL.
//   - Headers of the caller, which may hold credentials, reach the origin he
//     named and no other, and not what another one's redirect names there.
//   - An answer that makes no progress ends in [ErrStalled], from name lookup
//     to the last byte; time that the caller spends on writing does not count.
//   - What may be the network's fault is tried again, five times in a row
//     without progress and for twenty minutes of waiting at most, so the number
//     of requests is bounded by the size, whatever a server does.
//
// Errors are one line, name the URL without its user, password and query, and
// carry no control characters, whatever the server put in its answer.
package fetch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// defaultIdle is how long an answer may go without progress.
	defaultIdle = 30 * time.Second

	// chunkSize is how much is asked of a body at once: the most that is held
	// in memory of an artifact.
	chunkSize = 256 << 10
)

// Options are the settings of a [Client]. The zero value reads from any
// repository that asks for no credentials.
type Options struct {
	// HTTP is used in place of a client of our own. It is copied, never
	// changed. Its Timeout, Jar and CheckRedirect stay in force, and so do the
	// limits of its Transport, when it has one.
	HTTP *http.Client

	// Header is sent to Origin only.
	Header http.Header

	// Origin is the repository. Only its scheme, host and port matter.
	// Required when Header is not empty.
	Origin *url.URL

	// Idle is how long an answer may go without progress; 0 means 30 seconds.
	Idle time.Duration

	// Wait returns after d, or at once with the error of ctx when that ends.
	// Nil means a timer. Requests that failed are repeated after it.
	Wait func(ctx context.Context, d time.Duration) error
}

// Client reads from a repository. It is safe for concurrent use.
type Client struct {
	http   *http.Client
	extra  http.Header
	origin *url.URL
	idle   time.Duration
	wait   func(ctx context.Context, d time.Duration) error
}

// New returns a Client, or [ErrHeader] when a header cannot be sent as it is.
func New(o Options) (*Client, error) {
	err := checkHeader(o.Header)
	if err != nil {
		return nil, err
	}
	if len(o.Header) > 0 && o.Origin == nil {
		return nil, fmt.Errorf("%w: headers need an origin to be sent to", ErrHeader)
	}

	c := &Client{extra: o.Header.Clone(), idle: o.Idle, wait: o.Wait}
	if o.Origin != nil {
		origin := *o.Origin
		c.origin = &origin
	}
	if c.idle <= 0 {
		c.idle = defaultIdle
	}
	if c.wait == nil {
		c.wait = sleep
	}

	var base http.Client
	if o.HTTP != nil {
		base = *o.HTTP
	}
	if base.Transport == nil {
		base.Transport = newTransport(c.idle)
	}
	base.CheckRedirect = c.redirectPolicy(base.CheckRedirect)
	c.http = &base

	return c, nil
}

// Document reads the whole of u into memory, or fails with [ErrTooLarge] when
// it is longer than limit. It never returns a part of a document.
func (c *Client) Document(ctx context.Context, u *url.URL, limit int64) ([]byte, error) {
	body, _, _, err := c.Conditional(ctx, u, limit, "")

	return body, err
}

// Conditional is Document for a caller who may have u already: etag is what an
// earlier call returned with it, or "". When u is still that, unchanged is true,
// body is nil, newETag is etag, and nothing but headers was sent.
//
// newETag is empty, or an entity tag of RFC 9110 §8.8.3 of at most 256 bytes.
// It is the server's word: an unchanged document is as old as the caller's copy
// and is verified like a new one, its expiry above all.
func (c *Client) Conditional(ctx context.Context, u *url.URL, limit int64, etag string) (body []byte, newETag string, unchanged bool, err error) {
	q := question{bound: bound{size: limit}, known: validETag(etag)}
	err = c.retry(ctx, func() (bool, error) {
		a, err := c.open(ctx, u, q)
		if err != nil {
			return true, err
		}
		defer a.close()
		if a.unchanged {
			newETag, unchanged = q.known, true
			return false, nil
		}
		var whole bytes.Buffer
		_, err = a.copy(&whole, nil)
		body, newETag = whole.Bytes(), a.etag

		return true, err
	})
	if err != nil {
		return nil, "", false, &readError{url: shown(u), err: err}
	}

	return body, newETag, unchanged, nil
}

// Artifact copies u into w and fails with [ErrLength] unless u is exactly size
// bytes long. w gets at most size bytes, also on failure. progress, when it is
// not nil, is told the bytes written so far. It is tried again only as long as
// nothing was written: [Client.Download] can do more.
func (c *Client) Artifact(ctx context.Context, u *url.URL, size int64, w io.Writer, progress func(done int64)) error {
	_, err := c.stream(ctx, u, bound{size: size, exact: true}, w, progress)

	return err
}

// Stream copies u, whose length nobody signed, into w and returns that length,
// or fails with [ErrTooLarge] when it is longer than limit. w gets at most
// limit bytes, also on failure. It is tried again as Artifact is.
func (c *Client) Stream(ctx context.Context, u *url.URL, limit int64, w io.Writer, progress func(done int64)) (int64, error) {
	return c.stream(ctx, u, bound{size: limit}, w, progress)
}

func (c *Client) stream(ctx context.Context, u *url.URL, b bound, w io.Writer, progress func(int64)) (done int64, err error) {
	err = c.retry(ctx, func() (bool, error) {
		a, err := c.open(ctx, u, question{bound: b})
		if err != nil {
			return true, err
		}
		defer a.close()
		done, err = a.copy(w, progress)

		return done == 0, err
	})
	if err != nil {
		return done, &readError{url: shown(u), err: err}
	}

	return done, nil
}

// question is one GET.
type question struct {
	bound

	// known is the entity tag of what the caller has, or "".
	known string

	// from is the first byte that is wanted.
	from int64

	// ifRange is a strong entity tag of the file whose bytes before from are
	// there, or "".
	ifRange string
}

// answer is an acceptable answer to a question, before its body is read.
type answer struct {
	bound           // of its last byte
	from      int64 // of its first byte
	etag      string
	unchanged bool // there is no body

	body  io.Reader
	close func()
	where func(error) error // adds to an error where the answer came from
}

// open asks u, once.
func (c *Client) open(ctx context.Context, u *url.URL, q question) (*answer, error) {
	switch u.Scheme {
	case "http", "https":
		return c.overHTTP(ctx, u, q)
	case "file":
		return fromFile(ctx, u, q)
	default:
		return nil, fmt.Errorf("%w: the scheme is %q, not https, http or file", ErrUnsupported, u.Scheme)
	}
}

// copy writes the body to w and returns the number of the byte that would be
// next, which progress is told too.
func (a *answer) copy(w io.Writer, progress func(int64)) (int64, error) {
	next, err := a.bound.copy(w, a.body, a.from, progress)

	return next, a.where(err)
}
