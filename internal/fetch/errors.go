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
	// ErrNotFound means that there is nothing at the URL: 404, 410, or no such
	// file. For a release document: that release does not exist here.
	ErrNotFound = errors.New("not found")

	// ErrStatus means another status than 200, which the text names. A 404 or
	// 410 is ErrNotFound too, a 403 ErrForbidden.
	ErrStatus = errors.New("server answered")

	// ErrForbidden means status 403. An object store says so of what is not
	// there, too, to those who may not list what is.
	ErrForbidden = errors.New("forbidden")

	// ErrTooLarge means more bytes than the caller accepts.
	ErrTooLarge = errors.New("too large")

	// ErrLength means that an artifact is not exactly as long as expected: it
	// is another file than the one that was asked for, or was cut.
	ErrLength = errors.New("wrong length")

	// ErrHash means that an artifact is as long as expected, but has another
	// hash: it is another file than the one that was asked for.
	ErrHash = errors.New("wrong hash")

	// ErrRange means an answer to the request for the rest of a file that is not
	// that rest. The file is then asked for from its start.
	ErrRange = errors.New("range refused")

	// ErrStalled means that next to nothing arrived for the idle time. Trying
	// again later, or elsewhere, may help.
	ErrStalled = errors.New("stalled")

	// ErrRedirect means that the server sent us where we do not go.
	ErrRedirect = errors.New("redirect refused")

	// ErrEncoding means a Content-Encoding that was not asked for: what the
	// signed length and hash speak of is not what was sent.
	ErrEncoding = errors.New("content encoding refused")

	// ErrConnection means that no sound answer came: name lookup, connection,
	// TLS or the protocol failed. It wraps the cause.
	ErrConnection = errors.New("connection failed")

	// ErrUnsupported means a URL that is not http, https or a local regular
	// file.
	ErrUnsupported = errors.New("cannot be read")

	// ErrHeader means that a header of [Options] cannot be sent.
	ErrHeader = errors.New("header refused")
)

// maxErrorText bounds what one failure says: a server chooses part of the text
// of protocol errors.
const maxErrorText = 400

// readError is every failure of a read.
type readError struct {
	url string
	err error
}

func (e *readError) Error() string {
	return "reading " + e.url + ": " + printable(e.err.Error())
}

func (e *readError) Unwrap() error { return e.err }

// mirrorsError is the failure of every mirror.
type mirrorsError struct{ errs []error }

func (e *mirrorsError) Error() string {
	each := make([]string, len(e.errs))
	for i, err := range e.errs {
		each[i] = err.Error()
	}

	return fmt.Sprintf("all %d mirrors failed: %s", len(each), strings.Join(each, "; "))
}

func (e *mirrorsError) Unwrap() []error { return e.errs }

// Shown is u as it may appear in errors and logs: see the package doc.
func Shown(u *url.URL) string { return shown(u) }

// shown is u as it may appear in errors and logs. User, password and query are
// left out: the first two are credentials, and so are the queries of presigned
// URLs.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// printable keeps escape sequences and line breaks of a server off the user's
// terminal: net/textproto quotes header lines verbatim.
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
