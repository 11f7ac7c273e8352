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
}

func (c *Client) overHTTP(ctx context.Context, u *url.URL, b bound, w io.Writer, progress func(int64)) (int64, error) {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dog := newWatchdog(c.idle, cancel)
	defer dog.pause()

	k := &call{parent: ctx, ctx: inner, dog: dog}
	resp, err := c.ask(k, u)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()

	err = checkAnswer(resp, b)
	if err != nil {
		return 0, elsewhere(u, resp, err)
	}
	k.body = resp.Body
	done, err := b.copy(w, k, progress)

	return done, elsewhere(u, resp, err)
}

// ask returns once the headers of the last redirect's answer are there.
func (c *Client) ask(k *call, u *url.URL) (*http.Response, error) {
	req := (&http.Request{
		Method: http.MethodGet,
		URL:    u,
		Host:   u.Host,
		Header: c.headerFor(u),
	}).WithContext(k.ctx)

	k.dog.wait()
	resp, err := c.http.Do(req)
	k.dog.pause()
	if err != nil {
		return nil, k.failure(err)
	}

	return resp, nil
}

// Read reads the body under the eyes of the watchdog.
func (k *call) Read(p []byte) (int, error) {
	k.dog.wait()
	n, err := k.body.Read(p)
	k.dog.arrived(n)
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

// checkAnswer refuses everything but the whole file as it is: an unasked 206
// is a part of it, a 304 or 204 is none, and the unfolding of an encoding hides
// how many bytes were sent.
func checkAnswer(resp *http.Response, b bound) error {
	// The reason phrase is the server's to choose, so ours is shown.
	status := strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode)))
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("%w: %w %s", ErrNotFound, ErrStatus, status)
	default:
		return fmt.Errorf("%w %s", ErrStatus, status)
	}

	for _, encoding := range resp.Header.Values("Content-Encoding") {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return fmt.Errorf("%w: %q", ErrEncoding, encoding)
		}
	}
	if resp.Uncompressed {
		return fmt.Errorf("%w: the transport unfolded it", ErrEncoding)
	}

	return b.announced(resp.ContentLength)
}

// redirectPolicy is asked before a redirect is followed. net/http copies the
// headers of the first request to every host, but for six names, and adds a
// Referer with the query of the URL before: both are replaced.
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
		req.Header = c.headerFor(req.URL)

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

// headerFor returns all that is sent to u.
func (c *Client) headerFor(u *url.URL) http.Header {
	h := http.Header{"User-Agent": {userAgent}}
	if c.origin != nil && sameOrigin(c.origin, u) {
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
		case "Accept-Encoding", "Connection", "Content-Length", "Host", "Range", "Transfer-Encoding":
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
