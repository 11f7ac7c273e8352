// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxRedirects   = 10
	maxHeaderBytes = 64 << 10
	userAgent      = "go-updater"
)

// newTransport is ours alone, so nothing a program did to http.DefaultTransport
// reaches us. The watchdog ends a lookup, dial or handshake that takes longer
// than idle; net/http leaves an abandoned dial running, and the timeouts here,
// which come later on purpose, end that. An update asks two or three times, so
// connections are not kept: none outlives its answer, and what a server sends
// unasked on an idle one, which net/http prints to the program's log, is lost.
// Nor can a retry get the connection that just broke.
func newTransport(idle time.Duration) *http.Transport {
	dial := idle + time.Second

	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dial}).DialContext,
		TLSHandshakeTimeout:    dial,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableKeepAlives:      true,
	}
}

// call is one request and the reading of its answer.
type call struct {
	parent context.Context
	ctx    context.Context
	dog    *watchdog
	body   io.Reader

	// missing is how many bytes have to come before the end of the body is
	// believed, where that looks like a cut.
	missing int64
}

func (c *Client) overHTTP(ctx context.Context, u *url.URL, q question) (*answer, error) {
	inner, cancel := context.WithCancelCause(ctx)
	k := &call{parent: ctx, ctx: inner, dog: newWatchdog(c.idle, cancel)}
	resp, err := c.ask(k, u, q)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	hangUp := func() {
		k.dog.pause()
		cancel(nil)
		resp.Body.Close()
	}
	a, err := checkAnswer(resp, q)
	if err != nil {
		hangUp()
		return nil, elsewhere(u, resp, err)
	}

	k.body = resp.Body
	endsWithConnection := resp.ProtoMajor == 1 && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0
	if endsWithConnection && a.exact {
		k.missing = a.size - a.from
	}
	a.body, a.close = k, hangUp
	a.where = func(err error) error { return elsewhere(u, resp, err) }

	return a, nil
}

// ask returns once the headers of the last redirect's answer are there.
func (c *Client) ask(k *call, u *url.URL, q question) (*http.Response, error) {
	h := c.headerFor(u)
	if q.known != "" {
		h.Set("If-None-Match", q.known)
	}
	if q.from > 0 {
		h.Set("Range", fmt.Sprintf("bytes=%d-", q.from))
	}
	if q.from > 0 && q.ifRange != "" {
		h.Set("If-Range", q.ifRange)
	}
	req := (&http.Request{
		Method: http.MethodGet,
		URL:    u,
		Host:   u.Host,
		Header: h,
	}).WithContext(k.ctx)

	k.dog.wait()
	resp, err := c.http.Do(req)
	k.dog.pause()
	if err != nil {
		return nil, k.failure(err)
	}

	return resp, nil
}

// Read reads the body under the eyes of the watchdog. What had come already
// when the call was cancelled is not read: it may be much.
func (k *call) Read(p []byte) (int, error) {
	if err := k.ctx.Err(); err != nil {
		return 0, k.failure(err)
	}
	k.dog.wait()
	n, err := k.body.Read(p)
	k.dog.arrived(n)
	k.missing -= int64(n)
	if err == io.EOF && k.missing > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		err = k.failure(err)
	}

	return n, err
}

// failure names the reason of a failed read: the caller's own cancelling first,
// then the watchdog's, then whatever the connection says.
func (k *call) failure(err error) error {
	cause := context.Cause(k.ctx)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		// It repeats the URL, with its query.
		err = wrapped.Err
	}

	switch {
	case k.parent.Err() != nil:
		return k.parent.Err()
	case errors.Is(cause, ErrStalled):
		return cause
	case errors.Is(err, ErrRedirect):
		return err
	default:
		return fmt.Errorf("%w: %w", ErrConnection, err)
	}
}

// elsewhere adds where a redirect led to.
func elsewhere(u *url.URL, resp *http.Response, err error) error {
	if err == nil || resp.Request == nil || resp.Request.URL == nil || shown(resp.Request.URL) == shown(u) {
		return err
	}

	return fmt.Errorf("redirected to %s: %w", shown(resp.Request.URL), err)
}

// redirectPolicy is asked before a redirect is followed. net/http copies the
// headers of the first request to every host, but for six names, and adds a
// Referer with the query of the URL before: both are replaced. What is asked
// for is asked of everyone.
func (c *Client) redirectPolicy(theirs func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		from := via[len(via)-1].URL.Scheme
		to := req.URL.Scheme
		switch {
		case len(via) > maxRedirects:
			return fmt.Errorf("%w: more than %d in a row", ErrRedirect, maxRedirects)
		case to != "http" && to != "https":
			return fmt.Errorf("%w: to %s, which is not http or https", ErrRedirect, shown(req.URL))
		case from == "https" && to == "http":
			return fmt.Errorf("%w: from https to %s", ErrRedirect, shown(req.URL))
		}
		req.Header = c.headerFor(req.URL, via...)
		for _, name := range []string{"If-None-Match", "If-Range", "Range"} {
			if values := via[0].Header.Values(name); len(values) > 0 {
				req.Header[name] = values
			}
		}

		if theirs == nil {
			return nil
		}
		err := theirs(req, via)
		if err == nil || errors.Is(err, http.ErrUseLastResponse) {
			return err
		}

		return fmt.Errorf("%w: %w", ErrRedirect, err)
	}
}

// headerFor returns all that is sent to u, to which the answers to via led. Who
// is not the origin does not choose what is asked of it in the caller's name.
func (c *Client) headerFor(u *url.URL, via ...*http.Request) http.Header {
	h := http.Header{"User-Agent": {userAgent}}
	ours := c.origin != nil && sameOrigin(c.origin, u)
	for _, r := range via {
		ours = ours && sameOrigin(c.origin, r.URL)
	}
	if ours {
		for name, values := range c.extra {
			h[http.CanonicalHeaderKey(name)] = values
		}
	}
	h.Set("Accept-Encoding", "identity")

	return h
}

// sameOrigin fails closed: spellings that it does not know to be equal, such as
// a trailing dot, are other hosts.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	case u.Scheme == "http":
		return "80"
	default:
		return ""
	}
}

// checkHeader refuses what could start a second header or request, and headers
// that are ours to choose. Values are secrets and are not repeated.
func checkHeader(h http.Header) error {
	for name, values := range h {
		if name == "" || strings.ContainsFunc(name, notToken) {
			return fmt.Errorf("%w: %q is no name of a header", ErrHeader, name)
		}
		switch http.CanonicalHeaderKey(name) {
		case "Accept-Encoding", "Connection", "Content-Length", "Host", "Range", "Transfer-Encoding",
			"If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since":
			return fmt.Errorf("%w: %q is not for callers to set", ErrHeader, name)
		}
		for _, value := range values {
			if strings.ContainsFunc(value, isControl) {
				return fmt.Errorf("%w: the value of %q has a control character", ErrHeader, name)
			}
		}
	}

	return nil
}

// notToken is RFC 9110 §5.6.2, turned round.
func notToken(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	default:
		return !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}
}

func isControl(r rune) bool {
	return r < ' ' && r != '\t' || r == 0x7f
}
