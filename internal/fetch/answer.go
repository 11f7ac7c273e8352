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

// maxETag is how long an entity tag may be, in bytes: callers keep it.
const maxETag = 256

// statusError is a status that is no answer.
type statusError struct {
	code int

	// after is how long the server asks us to wait, or 0.
	after time.Duration
}

// Error shows our reason phrase: the server's is its own to choose.
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

// checkAnswer refuses everything but what was asked for as it is: an unasked
// 206 is a part of it, a 204 or unasked 304 is nothing, and the unfolding of an
// encoding hides how many bytes were sent.
func checkAnswer(resp *http.Response, q question) (*answer, error) {
	status := &statusError{
		code:  resp.StatusCode,
		after: retryAfter(resp.Header.Get("Retry-After"), resp.Header.Get("Date"), time.Now()),
	}
	a := &answer{bound: q.bound, etag: entityTag(resp.Header)}
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

func checkWhole(resp *http.Response, q question) error {
	err := checkEncoding(resp)
	if err != nil {
		return err
	}

	return q.announced(resp.ContentLength)
}

// checkPart accepts the one range that was asked for, or the beginning of it
// (RFC 9110 §15.3.7), of a file as long as ours.
func checkPart(resp *http.Response, q question, a *answer) error {
	err := checkEncoding(resp)
	if err != nil {
		return err
	}
	if strings.HasPrefix(strings.ToLower(resp.Header.Get("Content-Type")), "multipart/") {
		return fmt.Errorf("%w: several parts were sent", ErrRange)
	}
	values := resp.Header.Values("Content-Range")
	if len(values) != 1 {
		return fmt.Errorf("%w: %d headers say which part this is", ErrRange, len(values))
	}
	r, ok := parseContentRange(values[0])
	switch {
	case !ok:
		return fmt.Errorf("%w: %q is no range", ErrRange, values[0])
	case r.total >= 0:
		err = q.announced(r.total)
	case r.last >= q.size:
		err = q.exceeded()
	}
	switch {
	case err != nil:
		return err
	case r.first != q.from:
		return fmt.Errorf("%w: it begins at byte %d, not at %d", ErrRange, r.first, q.from)
	case resp.ContentLength >= 0 && resp.ContentLength != r.last-r.first+1:
		return fmt.Errorf("%w: %d bytes are announced for the bytes %d to %d", ErrRange, resp.ContentLength, r.first, r.last)
	case q.ifRange != "" && a.etag != "" && a.etag != q.ifRange:
		return fmt.Errorf("%w: it is a part of another file", ErrRange)
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
		return fmt.Errorf("%w: the transport unfolded it", ErrEncoding)
	}

	return nil
}

// contentRange is the part of a file from first to last; total is below zero
// when it is not known.
type contentRange struct{ first, last, total int64 }

// parseContentRange reads `bytes first-last/total` of RFC 9110 §14.4. Numbers
// have one spelling and fit in 63 bits, last+1 too.
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

// decimal is a number without sign or leading zeros, below 10^18.
func decimal(s string) (int64, bool) {
	if len(s) == 0 || len(s) > 18 || len(s) > 1 && s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)

	return n, err == nil
}

// entityTag is the entity tag of an answer, or "" when it has no sound one.
func entityTag(h http.Header) string {
	values := h.Values("ETag")
	if len(values) != 1 {
		return ""
	}

	return validETag(values[0])
}

// validETag returns s when it is an entity-tag of RFC 9110 §8.8.3 and not too
// long, else "". It goes into a header again, so nothing else may.
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

// strong returns an entity tag only when equal ones mean equal bytes
// (RFC 9110 §8.8.3.2, §13.1.5).
func strong(etag string) string {
	if strings.HasPrefix(etag, "W/") {
		return ""
	}

	return etag
}
