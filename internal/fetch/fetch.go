// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package fetch reads documents and artifacts from a repository over HTTP,
// HTTPS or from local files, and treats whoever answers as an enemy.
//
// A server, a mirror or anyone on the path may answer with anything, for as
// long as he likes. What reaches the caller is bounded in size, in time without
// progress and in where it came from; it is not authentic. Nothing here checks
// a signature or a hash, so bytes from this package are used for nothing before
// package trust, or a comparison with a signed hash, said so.
//
// What is promised:
//
//   - At most limit+1 bytes are read and at most limit are kept; an artifact is
//     exactly as long as the caller said.
//   - Only status 200 without a Content-Encoding is an answer, so the bytes
//     that are counted are the bytes that were sent.
//   - Redirects are followed ten times at most, never from https to http, and
//     never to another kind of URL.
//   - Headers of the caller, which may hold credentials, reach the origin he
//     named and no other.
//   - An answer that makes no progress ends in [ErrStalled], from name lookup
//     to the last byte; time that the caller spends on writing does not count.
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
	chunkSize = 32 << 10
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
}

// Client reads from a repository. It is safe for concurrent use.
type Client struct {
	http   *http.Client
	extra  http.Header
	origin *url.URL
	idle   time.Duration
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

	c := &Client{extra: o.Header.Clone(), idle: o.Idle}
	if o.Origin != nil {
		origin := *o.Origin
		c.origin = &origin
	}
	if c.idle <= 0 {
		c.idle = defaultIdle
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
	var whole bytes.Buffer
	_, err := c.read(ctx, u, bound{size: limit}, &whole, nil)
	if err != nil {
		return nil, err
	}

	return whole.Bytes(), nil
}

// Artifact copies u into w and fails with [ErrLength] unless u is exactly size
// bytes long. w gets at most size bytes, also on failure. progress, when it is
// not nil, is told the bytes written so far.
func (c *Client) Artifact(ctx context.Context, u *url.URL, size int64, w io.Writer, progress func(done int64)) error {
	_, err := c.read(ctx, u, bound{size: size, exact: true}, w, progress)

	return err
}

// Stream copies u, whose length nobody signed, into w and returns that length,
// or fails with [ErrTooLarge] when it is longer than limit. w gets at most
// limit bytes, also on failure.
func (c *Client) Stream(ctx context.Context, u *url.URL, limit int64, w io.Writer, progress func(done int64)) (int64, error) {
	return c.read(ctx, u, bound{size: limit}, w, progress)
}

func (c *Client) read(ctx context.Context, u *url.URL, b bound, w io.Writer, progress func(int64)) (int64, error) {
	var (
		done int64
		err  error
	)
	switch u.Scheme {
	case "http", "https":
		done, err = c.overHTTP(ctx, u, b, w, progress)
	case "file":
		done, err = fromFile(ctx, u, b, w, progress)
	default:
		err = fmt.Errorf("%w: the scheme is %q, not https, http or file", ErrUnsupported, u.Scheme)
	}
	if err != nil {
		return done, &readError{url: shown(u), err: err}
	}

	return done, nil
}

// bound says how many bytes are acceptable.
type bound struct {
	size  int64
	exact bool
}

// announced refuses a length that the other side states before it sends
// anything; a negative one is none. What it states is not believed either:
// copy counts.
func (b bound) announced(length int64) error {
	switch {
	case length < 0:
		return nil
	case b.exact && length != b.size:
		return fmt.Errorf("%w: %d bytes are announced, %d are expected", ErrLength, length, b.size)
	case length > b.size:
		return b.exceeded()
	default:
		return nil
	}
}

func (b bound) exceeded() error {
	if b.exact {
		return fmt.Errorf("%w: more than the %d expected bytes", ErrLength, b.size)
	}

	return fmt.Errorf("%w: more than the %d bytes that are accepted", ErrTooLarge, b.size)
}

// copy reads one byte more than is acceptable and never writes it: an endless
// body ends here, and a body is refused rather than cut.
func (b bound) copy(w io.Writer, r io.Reader, progress func(int64)) (int64, error) {
	buf := make([]byte, chunkSize)
	var done int64
	for {
		room := max(b.size-done, 0)
		chunk := buf
		if room < chunkSize {
			chunk = buf[:room+1]
		}

		n, err := r.Read(chunk)
		if int64(n) > room {
			return done, b.exceeded()
		}
		if n > 0 {
			wrote, werr := w.Write(chunk[:n])
			done += int64(wrote)
			if werr == nil && wrote < n {
				werr = io.ErrShortWrite
			}
			if werr != nil {
				return done, fmt.Errorf("writing what was read: %w", werr)
			}
			if progress != nil {
				progress(done)
			}
		}

		switch {
		case err == io.EOF && b.exact && done != b.size:
			return done, fmt.Errorf("%w: it ended after %d of the %d expected bytes", ErrLength, done, b.size)
		case err == io.EOF:
			return done, nil
		case err != nil:
			return done, err
		}
	}
}
