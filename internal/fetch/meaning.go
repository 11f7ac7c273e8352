// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"fmt"
	"net/http"
	"time"
)

// meaning is what an answer means for the request, see the package doc.
type meaning int

const (
	meansWhole     meaning = iota + 1 // all bytes of the file follow
	meansPart                         // the missing bytes, or the first of them, follow
	meansUnchanged                    // the caller's copy is the present one
	meansTemporary                    // another answer may come later
	meansPermanent                    // the same answer would come again
	meansOther                        // not for us: success, but not the bytes that were asked for
)

// head is what comes before the body of an answer.
type head struct {
	status       int
	header       http.Header
	length       int64 // Content-Length, negative if there is none
	decompressed bool  // the transport did that
	now          time.Time
}

// judge is the one place that decides what an answer means. The response is without
// body, and nil for the last three meanings. Only for those there is an error.
func judge(q request, h head) (meaning, *response, error) {
	status := newStatusError(h)
	a := &response{bound: q.bound, etag: entityTag(h.header)}
	switch {
	case h.status == http.StatusNotModified && q.known != "":
		a.unchanged = true
		return meansUnchanged, a, nil
	case h.status == http.StatusOK:
		return accept(meansWhole, a, q.checkWhole(h, h.length))
	case h.status == http.StatusPartialContent && isWhole(q, h):
		r, _ := soleContentRange(h)
		return accept(meansWhole, a, q.checkWhole(h, r.last+1))
	case h.status == http.StatusPartialContent && q.from > 0:
		return accept(meansPart, a, checkPart(q, h, a))
	case status.temporary:
		return meansTemporary, nil, status
	default:
		return meansPermanent, nil, status
	}
}

func accept(m meaning, a *response, err error) (meaning, *response, error) {
	if err != nil {
		return meansOther, nil, err
	}

	return m, a, nil
}

// newStatusError decides whether the same request may have another answer later.
func newStatusError(h head) *statusError {
	e := &statusError{code: h.status, after: retryAfter(h.header.Get("Retry-After"), h.header.Get("Date"), h.now)}
	limited := h.header.Get("X-RateLimit-Remaining") == "0"
	switch h.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		e.temporary = true
	case http.StatusForbidden:
		// What GitHub and others answer to too many requests.
		e.temporary = limited || e.after > 0
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported, http.StatusVariantAlsoNegotiates,
		http.StatusNotExtended, http.StatusNetworkAuthenticationRequired:
	default:
		e.temporary = 500 <= h.status && h.status <= 599
	}
	if e.temporary && limited && e.after == 0 {
		e.after = untilReset(h.header.Get("X-RateLimit-Reset"), h.header.Get("Date"), h.now)
	}

	return e
}

// checkWhole checks an answer with the whole file, which has this length.
func (q request) checkWhole(h head, length int64) error {
	err := checkEncoding(q, h)
	if err != nil {
		return err
	}

	return q.checkAnnounced(length)
}

// isWhole reports whether a 206 is the whole file, as some servers and caches
// answer everything, with a length that fits itself.
func isWhole(q request, h head) bool {
	r, err := soleContentRange(h)
	total := r.total
	if total < 0 && q.exact {
		total = q.size
	}

	return err == nil && r.first == 0 && r.last+1 == total && (h.length < 0 || h.length == total)
}

// soleContentRange returns the range of an answer that has one.
func soleContentRange(h head) (contentRange, error) {
	if isMultipart(h.header) {
		return contentRange{}, fmt.Errorf("%w: the response has several parts", ErrRange)
	}
	values := h.header.Values("Content-Range")
	if len(values) != 1 {
		return contentRange{}, fmt.Errorf("%w: %d Content-Range headers, want one", ErrRange, len(values))
	}
	r, ok := parseContentRange(values[0])
	if !ok {
		return contentRange{}, fmt.Errorf("%w: malformed Content-Range %q", ErrRange, values[0])
	}

	return r, nil
}

// checkPart accepts only the requested range, or its beginning (RFC 9110
// §15.3.7), of a file of the expected length.
func checkPart(q request, h head, a *response) error {
	err := checkEncoding(q, h)
	if err != nil {
		return err
	}
	r, err := soleContentRange(h)
	switch {
	case err != nil:
		return err
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
	case h.length >= 0 && h.length != r.last-r.first+1:
		return fmt.Errorf("%w: Content-Length %d for bytes %d to %d", ErrRange, h.length, r.first, r.last)
	case q.ifRange != "" && a.etag != "" && a.etag != q.ifRange:
		return fmt.Errorf("%w: the entity tag is of another file", ErrRange)
	}
	a.from = r.first
	a.bound = bound{size: r.last + 1, exact: true}

	return nil
}
