// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

var (
	// ErrNotFound means status 404 or 410, or that the file does not exist. For a
	// release document: the repository does not have the release.
	ErrNotFound = errors.New("not found")

	// ErrStatus means an HTTP status other than 200, whatever else matches it.
	ErrStatus = errors.New("server returned")

	// ErrForbidden means status 403, unless it means too many requests. An object
	// store returns it for a missing object too, unless the caller may list objects.
	ErrForbidden = errors.New("forbidden")

	// ErrUnauthorized means status 401, or 407 of a proxy, which is ErrProxy, too.
	ErrUnauthorized = errors.New("credentials wanted")
	ErrProxy        = errors.New("credentials wanted by the proxy")

	// ErrTemporary matches what may succeed later without a change on this side:
	// [ErrStalled], most of [ErrConnection] and the statuses that the package doc
	// calls temporary. Of an error of several mirrors it suffices that one is.
	ErrTemporary = errors.New("temporary failure")

	// ErrTooLarge means more bytes than the limit.
	ErrTooLarge = errors.New("too large")

	// ErrLength means that an artifact does not have the expected length. It is
	// another file, or truncated.
	ErrLength = errors.New("wrong length")

	// ErrHash means that an artifact has the expected length but another hash. It
	// is another file.
	ErrHash = errors.New("wrong hash")

	// ErrRange means a response that is not the requested range. The whole file
	// is then requested.
	ErrRange = errors.New("range refused")

	// ErrStalled means that almost nothing arrived during the idle time. Retry
	// later, or use another mirror.
	ErrStalled = errors.New("stalled")

	// ErrRedirect means a redirect that is not followed.
	ErrRedirect = errors.New("redirect refused")

	// ErrEncoding means a document in a Content-Encoding that was not requested.
	ErrEncoding = errors.New("content encoding refused")

	// ErrConnection means that name lookup, connection, TLS or the protocol
	// failed. It wraps the cause.
	ErrConnection = errors.New("connection failed")

	// ErrUnreachable means an [ErrConnection] without a connection: name lookup
	// failed, the connection was refused, there is no route, or the server does not
	// speak TLS.
	ErrUnreachable = errors.New("unreachable")

	// ErrCertificate means an [ErrConnection] to a server whose certificate is not
	// accepted.
	ErrCertificate = errors.New("certificate refused")

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

// Is adds ErrTemporary to the errors that it consists of.
func (e *readError) Is(target error) bool { return target == ErrTemporary && temporary(e.err) }

func readErrorAt(u *url.URL, err error) error { return &readError{Shown(u), err} }

// temporary reports whether a retry may succeed. A wrong certificate, a rejected
// redirect or an invalid response will be the same.
func temporary(err error) bool {
	if status, ok := errors.AsType[*statusError](err); ok {
		return status.temporary
	}
	final := errors.Is(err, ErrCertificate) || isNotTLS(err)

	return !final && (errors.Is(err, ErrConnection) || errors.Is(err, ErrStalled))
}

// isNotTLS reports whether the other side of an https URL speaks something else.
func isNotTLS(err error) bool {
	_, notTLS := errors.AsType[tls.RecordHeaderError](err)

	return notTLS || errors.Is(err, http.ErrSchemeMismatch)
}

// connectionError adds what kind of failure err is, and what may help.
func connectionError(err error) error {
	_, lookup := errors.AsType[*net.DNSError](err)
	op, _ := errors.AsType[*net.OpError](err)
	// An alert of crypto/tls is an OpError, too.
	noConnection := op != nil && (op.Op == "dial" || op.Op == "proxyconnect" || op.Op == "remote error")
	switch {
	case isCertificate(err):
		return fmt.Errorf("%w: %w: %w (give a CA with HTTPClient(), or set the clock)", ErrConnection, ErrCertificate, err)
	case lookup, noConnection, isNotTLS(err):
		return fmt.Errorf("%w: %w: %w (check the address, the network and the proxy)", ErrConnection, ErrUnreachable, err)
	default:
		return fmt.Errorf("%w: %w", ErrConnection, err)
	}
}

func isCertificate(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)

	return verification
}

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
