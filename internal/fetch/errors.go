// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

var (
	// ErrNotFound means status 404 or 410, or that the file does not exist. For a
	// release document: the repository does not have the release.
	ErrNotFound = errors.New("not found")

	// ErrStatus means an HTTP status other than 200. It matches 404 and 410,
	// which are ErrNotFound too, and 403, which is ErrForbidden too.
	ErrStatus = errors.New("server returned")

	// ErrForbidden means status 403. An object store returns it for a missing
	// object too, unless the caller may list objects.
	ErrForbidden = errors.New("forbidden")

	// ErrTooLarge means more bytes than the limit.
	ErrTooLarge = errors.New("too large")

	// ErrLength means that an artifact does not have the expected length. It is
	// another file, or truncated.
	ErrLength = errors.New("wrong length")

	// ErrHash means that an artifact has the expected length but another hash. It
	// is another file.
	ErrHash = errors.New("wrong hash")

	// ErrRange means a response that is not the requested range. The download
	// then starts over.
	ErrRange = errors.New("range refused")

	// ErrStalled means that almost nothing arrived during the idle time. Retry
	// later, or use another mirror.
	ErrStalled = errors.New("stalled")

	// ErrRedirect means a redirect that is not followed.
	ErrRedirect = errors.New("redirect refused")

	// ErrEncoding means a Content-Encoding that was not requested. Signed length
	// and hash do not apply to encoded bytes.
	ErrEncoding = errors.New("content encoding refused")

	// ErrConnection means that name lookup, connection, TLS or the protocol
	// failed. It wraps the cause.
	ErrConnection = errors.New("connection failed")

	// ErrUnsupported means a URL that is not http, https or a local regular
	// file.
	ErrUnsupported = errors.New("unsupported URL")

	// ErrHeader means that a header of [Options] cannot be sent.
	ErrHeader = errors.New("header refused")
)

// maxErrorText limits an error text, because a server chooses a part of it.
const maxErrorText = 400

// readError is the error of all reads.
type readError struct {
	url string
	err error
}

func (e *readError) Error() string {
	return "reading " + e.url + ": " + printable(e.err.Error())
}

func (e *readError) Unwrap() error { return e.err }

// mirrorsError contains the errors of all mirrors.
type mirrorsError struct{ errs []error }

func (e *mirrorsError) Error() string {
	each := make([]string, len(e.errs))
	for i, err := range e.errs {
		each[i] = err.Error()
	}

	return fmt.Sprintf("all %d mirrors failed: %s", len(each), strings.Join(each, "; "))
}

func (e *mirrorsError) Unwrap() []error { return e.errs }

// Shown returns u for errors and logs: without user, password and query, which
// are the credentials of users and of presigned URLs.
func Shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// printable replaces control characters of the server, which would reach the
// user's terminal: net/textproto quotes header lines verbatim.
func printable(text string) string {
	if len(text) > maxErrorText {
		text = text[:maxErrorText] + "…"
	}

	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}

		return unicode.ReplacementChar
	}, text)
}
