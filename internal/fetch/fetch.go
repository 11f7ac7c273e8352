// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

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
	// defaultIdle is how long a response may make no progress.
	defaultIdle = 30 * time.Second

	// chunkSize is the most of an artifact that is in memory, in bytes.
	chunkSize = 256 << 10
)

// Options are the settings of a [Client]. The zero value reads from any
// repository that requires no credentials.
type Options struct {
	// HTTP replaces the default client. It is copied and never changed. Its
	// Timeout, Jar and CheckRedirect apply, and its Transport, if not nil.
	HTTP *http.Client

	// Header is sent to Origin only.
	Header http.Header

	// Origin is the repository. Only its scheme, host and port are used. It is
	// required if Header is not empty.
	Origin *url.URL

	// Idle is how long a response may make no progress; 0 means 30 seconds.
	Idle time.Duration

	// Wait returns after d, or with the error of ctx as soon as that ends. It is
	// called before a retry. Nil means a timer.
	Wait func(ctx context.Context, d time.Duration) error

	// UserAgent is sent to every server; empty means go-updater. A User-Agent in
	// Header replaces it at Origin.
	UserAgent string

	// Note, if not nil, is called before each wait, and with other problems that
	// do not end a call, with arguments as for log/slog.
	Note func(ctx context.Context, message string, args ...any)
}

// Client reads from a repository. It is safe for concurrent use.
type Client struct {
	http   *http.Client
	extra  http.Header
	origin *url.URL
	idle   time.Duration
	wait   func(ctx context.Context, d time.Duration) error
	note   func(ctx context.Context, message string, args ...any)
	agent  string

	// hasty clients return rather than wait for long, see [Client.Each].
	hasty bool
}

// New returns a Client. It returns [ErrHeader] if a header is invalid.
func New(o Options) (*Client, error) {
	err := checkHeader(o.Header)
	if err != nil {
		return nil, err
	}
	if len(o.Header) > 0 && o.Origin == nil {
		return nil, fmt.Errorf("%w: Header requires Origin", ErrHeader)
	}

	c := &Client{extra: o.Header.Clone(), idle: o.Idle, wait: o.Wait, note: o.Note, agent: o.UserAgent}
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
	if c.note == nil {
		c.note = func(context.Context, string, ...any) {}
	}
	if c.agent == "" {
		c.agent = defaultAgent
	}
	if err := checkHeader(http.Header{"User-Agent": {c.agent}}); err != nil {
		return nil, err
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

// Document reads u into memory. It returns [ErrTooLarge] if u is longer than limit
// bytes, and never returns a part of a document.
func (c *Client) Document(ctx context.Context, u *url.URL, limit int64) ([]byte, error) {
	body, _, _, err := c.Conditional(ctx, u, limit, "")

	return body, err
}

// Conditional is Document for a caller that may have a copy of u. etag is the
// result of the earlier call, or "". If u has not changed, unchanged is true, body
// is nil and newETag is etag.
//
// newETag is empty, or an entity tag of RFC 9110 §8.8.3 of at most 256 bytes. The
// server may lie: verify an unchanged document like a new one, in particular its
// expiry.
func (c *Client) Conditional(ctx context.Context, u *url.URL, limit int64, etag string) (body []byte, newETag string, unchanged bool, err error) {
	known := validETag(etag)
	err = c.one(ctx, u, func(p *place) failure {
		q := request{bound: bound{size: limit}, known: known}
		if p.untagged {
			q.known = ""
		}
		err := func() error {
			a, err := c.open(ctx, u, q)
			if err != nil {
				return err
			}
			defer a.close()
			if a.unchanged {
				newETag, unchanged = q.known, true
				return nil
			}
			var whole bytes.Buffer
			_, err = a.copy(&whole, nil)
			body, newETag = whole.Bytes(), a.etag

			return err
		}()

		return failure{err: err, temporary: temporary(err), tagged: q.known != ""}
	})
	if err != nil {
		return nil, "", false, err
	}

	return body, newETag, unchanged, nil
}

// Artifact copies u to w. It returns [ErrLength] unless u has exactly size bytes.
// w gets at most size bytes, even on failure. progress, if not nil, is called with
// the number of bytes written. Artifact retries only before the first byte is
// written; [Client.Download] can resume.
func (c *Client) Artifact(ctx context.Context, u *url.URL, size int64, w io.Writer, progress func(done int64)) error {
	_, err := c.stream(ctx, u, bound{size: size, exact: true}, w, progress)

	return err
}

// Stream copies u, whose length is unknown, to w and returns its length. It
// returns [ErrTooLarge] if u is longer than limit bytes. w gets at most limit
// bytes, even on failure. It retries as Artifact does.
func (c *Client) Stream(ctx context.Context, u *url.URL, limit int64, w io.Writer, progress func(done int64)) (int64, error) {
	return c.stream(ctx, u, bound{size: limit}, w, progress)
}

func (c *Client) stream(ctx context.Context, u *url.URL, b bound, w io.Writer, progress func(int64)) (done int64, err error) {
	err = c.one(ctx, u, func(*place) failure {
		a, err := c.open(ctx, u, request{bound: b, opaque: true})
		if err == nil {
			done, err = a.copy(w, progress)
			a.close()
		}

		return failure{err: err, temporary: temporary(err) && done == 0}
	})

	return done, err
}

// request is one GET.
type request struct {
	bound

	// opaque means that length or hash are compared, whatever an answer says of
	// its content.
	opaque bool

	// known is the entity tag of the caller's copy, or "".
	known string

	// from is the first byte to send.
	from int64

	// ifRange is a strong entity tag of the file that the bytes before from are
	// of, or "".
	ifRange string
}

// response is an accepted answer, before its body is read.
type response struct {
	bound           // of its last byte
	from      int64 // its first byte
	etag      string
	unchanged bool // without a body

	body  io.Reader
	close func()
	where func(error) error // adds the URL after redirects to an error
}

// open makes one request.
func (c *Client) open(ctx context.Context, u *url.URL, q request) (*response, error) {
	switch u.Scheme {
	case "http", "https":
		return c.openHTTP(ctx, u, q)
	case "file":
		return openFile(ctx, u, q)
	default:
		return nil, fmt.Errorf("%w: scheme %q, want https, http or file", ErrUnsupported, u.Scheme)
	}
}

// copy writes the body to w. It returns the offset of the next byte, and calls
// progress with it.
func (a *response) copy(w io.Writer, progress func(int64)) (int64, error) {
	next, err := a.bound.copy(w, a.body, a.from, progress)

	return next, a.where(err)
}
