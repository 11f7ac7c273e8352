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
	code      int
	temporary bool

	// after is how long the server asks to wait, or 0.
	after time.Duration
}

// Error uses our reason phrase, because the server's can be any text.
func (e *statusError) Error() string {
	text := strings.TrimSpace(fmt.Sprintf("%s %d %s", ErrStatus, e.code, http.StatusText(e.code)))
	switch {
	case e.Is(ErrNotFound):
		return fmt.Sprintf("%s: %s", ErrNotFound, text)
	case e.code == http.StatusUnauthorized:
		return text + " (give credentials with Header())"
	case e.code == http.StatusProxyAuthRequired:
		return text + " (give credentials in the proxy's URL, or use HTTPClient())"
	case e.after > 0:
		return fmt.Sprintf("%s, and asked to wait %s", text, e.after)
	default:
		return text
	}
}

func (e *statusError) Is(target error) bool {
	switch target {
	case ErrStatus:
		return true
	case ErrTemporary:
		return e.temporary
	case ErrNotFound:
		return e.code == http.StatusNotFound || e.code == http.StatusGone
	case ErrForbidden:
		return e.code == http.StatusForbidden && !e.temporary
	case ErrUnauthorized:
		return e.code == http.StatusUnauthorized || e.code == http.StatusProxyAuthRequired
	case ErrProxy:
		return e.code == http.StatusProxyAuthRequired
	default:
		return false
	}
}

func isMultipart(h http.Header) bool {
	return strings.HasPrefix(strings.ToLower(h.Get("Content-Type")), "multipart/")
}

// checkEncoding rejects a document in a content coding (RFC 9110 §8.4.1, and IANA's
// list). Other labels, such as aws-chunked or utf-8, say nothing about the bytes.
func checkEncoding(q request, h head) error {
	if h.decompressed {
		return fmt.Errorf("%w: the transport decompressed the response", ErrEncoding)
	}
	if q.opaque {
		return nil
	}
	for _, label := range strings.Split(strings.Join(h.header.Values("Content-Encoding"), ","), ",") {
		switch strings.ToLower(strings.TrimSpace(label)) {
		case "gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi",
			"pack200-gzip", "aes128gcm", "bzip2", "x-bzip2", "xz", "x-xz", "lzma", "x-lzma":
			return fmt.Errorf("%w: %q", ErrEncoding, label)
		}
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
