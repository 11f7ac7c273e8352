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
	defaultAgent   = "go-updater"
)

// newTransport returns a transport that changes to http.DefaultTransport do not
// affect. The watchdog ends a lookup, dial or handshake after idle. net/http lets
// an abandoned dial continue, so the timeouts here end it a little later. An
// update makes few requests, so connections are not kept alive: a retry gets a
// new one, and an idle one cannot receive data, which net/http would log.
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
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			if resp.StatusCode == http.StatusOK {
				return nil
			}

			return newStatusError(head{status: resp.StatusCode, header: resp.Header, now: time.Now()})
		},
	}
}

// call is one HTTP request, until its body is read.
type call struct {
	parent context.Context
	ctx    context.Context
	dog    *watchdog
	body   io.Reader

	// missing is how many bytes must arrive before the end of the body, if the
	// end looks the same as a lost connection.
	missing int64
}

func (c *Client) openHTTP(ctx context.Context, u *url.URL, q request) (*response, error) {
	inner, cancel := context.WithCancelCause(ctx)
	k := &call{parent: ctx, ctx: inner, dog: newWatchdog(c.idle, cancel)}
	resp, err := c.ask(k, u, q)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	closeBody := func() {
		k.dog.pause()
		cancel(nil)
		resp.Body.Close()
	}
	_, a, err := judge(q, head{
		status: resp.StatusCode, header: resp.Header, length: resp.ContentLength,
		decompressed: resp.Uncompressed, now: time.Now(),
	})
	if err != nil {
		closeBody()
		return nil, withRedirect(u, resp, err)
	}

	k.body = resp.Body
	endsWithConnection := resp.ProtoMajor == 1 && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0
	if endsWithConnection && a.exact {
		k.missing = a.size - a.from
	}
	a.body, a.close = k, closeBody
	a.where = func(err error) error { return withRedirect(u, resp, err) }

	return a, nil
}

// ask follows redirects and returns after the headers of the last response.
func (c *Client) ask(k *call, u *url.URL, q request) (*http.Response, error) {
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

// Read reads the body while the watchdog runs. After the call was cancelled it
// does not read what has already arrived, which may be much.
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

// failure returns the reason of a failed read: that the caller cancelled, that the
// watchdog did, or the error of the connection.
func (k *call) failure(err error) error {
	cause := context.Cause(k.ctx)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		// It contains the URL with its query.
		err = wrapped.Err
	}
	_, proxy := errors.AsType[*statusError](err)

	switch {
	case k.parent.Err() != nil:
		return k.parent.Err()
	case errors.Is(cause, ErrStalled):
		return cause
	case errors.Is(err, ErrRedirect):
		return err
	case proxy:
		return fmt.Errorf("the proxy refused: %w", err)
	default:
		return connectionError(err)
	}
}

// withRedirect adds the URL after redirects to err.
func withRedirect(u *url.URL, resp *http.Response, err error) error {
	if err == nil || resp.Request == nil || resp.Request.URL == nil || Shown(resp.Request.URL) == Shown(u) {
		return err
	}

	return fmt.Errorf("redirected to %s: %w", Shown(resp.Request.URL), err)
}

// redirectPolicy decides about redirects. net/http copies most headers of the
// first request to every host, and adds a Referer with the query of the previous
// URL, so all headers are replaced. Conditions and ranges are kept.
func (c *Client) redirectPolicy(theirs func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		from := via[len(via)-1].URL.Scheme
		to := req.URL.Scheme
		switch {
		case len(via) > maxRedirects:
			return fmt.Errorf("%w: more than %d redirects", ErrRedirect, maxRedirects)
		case to != "http" && to != "https":
			return fmt.Errorf("%w: to %s, want http or https", ErrRedirect, Shown(req.URL))
		case from == "https" && to == "http":
			return fmt.Errorf("%w: from https to %s", ErrRedirect, Shown(req.URL))
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

// headerFor returns the headers for u, after the redirects of via. Only the origin
// itself may redirect to the origin with the caller's headers.
func (c *Client) headerFor(u *url.URL, via ...*http.Request) http.Header {
	h := http.Header{"User-Agent": {c.agent}}
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

// sameOrigin compares scheme, host and port. Hosts that differ in spelling, such as
// in a trailing dot, are different.
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

// checkHeader rejects headers that could inject another header or request, and
// headers that this package sets. Errors do not contain values, which are secret.
func checkHeader(h http.Header) error {
	for name, values := range h {
		if name == "" || strings.ContainsFunc(name, notToken) {
			return fmt.Errorf("%w: invalid name %q", ErrHeader, name)
		}
		switch http.CanonicalHeaderKey(name) {
		case "Accept-Encoding", "Connection", "Content-Length", "Host", "Range", "Transfer-Encoding",
			"If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since":
			return fmt.Errorf("%w: %q is set by this package", ErrHeader, name)
		}
		for _, value := range values {
			if strings.ContainsFunc(value, isControl) {
				return fmt.Errorf("%w: the value of %q contains a control character", ErrHeader, name)
			}
		}
	}

	return nil
}

// notToken reports whether r is not a tchar of RFC 9110 §5.6.2.
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
