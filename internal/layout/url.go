// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"errors"
	"net/url"
	"strings"
)

// ErrURL is an address that cannot be a repository's. The error never quotes it:
// it may hold a password.
var ErrURL = errors.New("not an http, https or file URL")

// ParseURL reads the address of a repository, or returns [ErrURL].
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, ErrURL
	}
	switch {
	case u.Scheme == "file":
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	default:
		return nil, ErrURL
	}
	return u, nil
}

// URL returns the address of a file of the repository at base.
func URL(base *url.URL, name string) *url.URL {
	// Object stores read a plus sign in a path as a space unless it is escaped.
	escaped := strings.TrimSuffix(base.EscapedPath(), "/") + "/" + strings.ReplaceAll(name, "+", "%2B")
	u := *base
	u.RawPath = escaped
	// Of the escaped form, because the base may end in an escaped slash. It can
	// be unescaped: EscapedPath is valid, and a name has no percent sign.
	u.Path, _ = url.PathUnescape(escaped)
	return &u
}
