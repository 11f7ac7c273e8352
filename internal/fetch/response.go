// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxETag is the longest entity tag, in bytes, that callers get to store.
const maxETag = 256

// statusError is an HTTP status other than success.
type statusError struct {
	code int

	// after is the Retry-After of the server, or 0.
	after time.Duration
}

// Error uses our reason phrase, because the server's can be any text.
func (e *statusError) Error() string {
	text := strings.TrimSpace(fmt.Sprintf("%s %d %s", ErrStatus, e.code, http.StatusText(e.code)))
	if e.Is(ErrNotFound) {
		return fmt.Sprintf("%s: %s", ErrNotFound, text)
	}

	return text
}

func (e *statusError) Is(target error) bool {
	missing := e.code == http.StatusNotFound || e.code == http.StatusGone

	return target == ErrStatus || target == ErrNotFound && missing || target == ErrForbidden && e.code == http.StatusForbidden
}

// checkResponse rejects every response but the requested bytes. A 206 that was not
// requested is a part of them, a 204 or unrequested 304 has none, and a content
// encoding hides how many bytes were sent.
func checkResponse(resp *http.Response, q request) (*response, error) {
	status := &statusError{
		code:  resp.StatusCode,
		after: retryAfter(resp.Header.Get("Retry-After"), resp.Header.Get("Date"), time.Now()),
	}
	a := &response{bound: q.bound, etag: entityTag(resp.Header)}
	switch {
	case resp.StatusCode == http.StatusOK:
		return a, checkWhole(resp, q)
	case resp.StatusCode == http.StatusPartialContent && q.from > 0:
		return a, checkPart(resp, q, a)
	case resp.StatusCode == http.StatusNotModified && q.known != "":
		a.unchanged = true
		return a, nil
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && q.from > 0:
		return nil, fmt.Errorf("%w: %w", ErrRange, status)
	default:
		return nil, status
	}
}

func checkWhole(resp *http.Response, q request) error {
	err := checkEncoding(resp)
	if err != nil {
		return err
	}

	return q.checkAnnounced(resp.ContentLength)
}

// checkPart accepts only the requested range, or its beginning (RFC 9110
// §15.3.7), of a file of the expected length.
func checkPart(resp *http.Response, q request, a *response) error {
	err := checkEncoding(resp)
	if err != nil {
		return err
	}
	if strings.HasPrefix(strings.ToLower(resp.Header.Get("Content-Type")), "multipart/") {
		return fmt.Errorf("%w: the response has several parts", ErrRange)
	}
	values := resp.Header.Values("Content-Range")
	if len(values) != 1 {
		return fmt.Errorf("%w: %d Content-Range headers, want one", ErrRange, len(values))
	}
	r, ok := parseContentRange(values[0])
	switch {
	case !ok:
		return fmt.Errorf("%w: malformed Content-Range %q", ErrRange, values[0])
	case r.total >= 0:
		err = q.checkAnnounced(r.total)
	case r.last >= q.size:
		err = q.exceeded()
	}
	switch {
	case err != nil:
		return err
	case r.first != q.from:
		return fmt.Errorf("%w: it starts at byte %d, want %d", ErrRange, r.first, q.from)
	case resp.ContentLength >= 0 && resp.ContentLength != r.last-r.first+1:
		return fmt.Errorf("%w: Content-Length %d for bytes %d to %d", ErrRange, resp.ContentLength, r.first, r.last)
	case q.ifRange != "" && a.etag != "" && a.etag != q.ifRange:
		return fmt.Errorf("%w: the entity tag is of another file", ErrRange)
	}
	a.from = r.first
	a.bound = bound{size: r.last + 1, exact: true}

	return nil
}

func checkEncoding(resp *http.Response) error {
	for _, encoding := range resp.Header.Values("Content-Encoding") {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return fmt.Errorf("%w: %q", ErrEncoding, encoding)
		}
	}
	if resp.Uncompressed {
		return fmt.Errorf("%w: the transport decompressed the response", ErrEncoding)
	}

	return nil
}

// contentRange is the part of a file from first to last. total is negative if it
// is unknown.
type contentRange struct{ first, last, total int64 }

// parseContentRange reads `bytes first-last/total` (RFC 9110 §14.4). last+1 does
// not overflow.
func parseContentRange(s string) (contentRange, bool) {
	unit, rest, _ := strings.Cut(s, " ")
	span, length, _ := strings.Cut(rest, "/")
	from, to, _ := strings.Cut(span, "-")
	first, ok1 := decimal(from)
	last, ok2 := decimal(to)
	total, ok3 := decimal(length)
	if length == "*" {
		total, ok3 = -1, true
	}
	if !strings.EqualFold(unit, "bytes") || !ok1 || !ok2 || !ok3 || first > last || total >= 0 && last >= total {
		return contentRange{}, false
	}

	return contentRange{first, last, total}, true
}

// decimal parses a number without sign or leading zeros, below 10^18.
func decimal(s string) (int64, bool) {
	if len(s) == 0 || len(s) > 18 || len(s) > 1 && s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)

	return n, err == nil
}

// entityTag returns the entity tag of a response, or "" without a valid one.
func entityTag(h http.Header) string {
	values := h.Values("ETag")
	if len(values) != 1 {
		return ""
	}

	return validETag(values[0])
}

// validETag returns s if it is an entity-tag of RFC 9110 §8.8.3 and not too long,
// otherwise "". Only a valid one is safe to send in a header.
func validETag(s string) string {
	opaque := strings.TrimPrefix(s, "W/")
	if len(s) > maxETag || len(opaque) < 2 || opaque[0] != '"' || opaque[len(opaque)-1] != '"' {
		return ""
	}
	for _, c := range []byte(opaque[1 : len(opaque)-1]) {
		if c <= ' ' || c == '"' || c == 0x7f {
			return ""
		}
	}

	return s
}

// strong returns a strong entity tag, or "": equal strong ones mean equal bytes
// (RFC 9110 §8.8.3.2, §13.1.5).
func strong(etag string) string {
	if strings.HasPrefix(etag, "W/") {
		return ""
	}

	return etag
}
