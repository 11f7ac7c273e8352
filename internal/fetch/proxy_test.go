// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// A proxy refuses to connect to an https repository, which net/http reports as a text.
func TestC8_ProxyThatRefuses(t *testing.T) {
	for status, want := range map[int]struct {
		errs     []error
		requests int
	}{
		407: {[]error{ErrUnauthorized, ErrProxy, ErrStatus}, 1},
		403: {[]error{ErrForbidden}, 1},
		503: {[]error{ErrTemporary, ErrStatus}, maxTries},
	} {
		requests := 0
		proxy := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			requests++
			w.WriteHeader(status)
		})
		c := client(t, nil, Options{})
		c.http.Transport.(*http.Transport).Proxy = http.ProxyURL(parse(t, proxy.URL))
		_, err := c.Document(t.Context(), parse(t, "https://repo.invalid/x"), 100)
		for _, sentinel := range want.errs {
			require.ErrorIs(t, err, sentinel)
		}
		require.NotErrorIs(t, err, ErrConnection)
		require.ErrorContains(t, err, "the proxy refused")
		require.Equal(t, want.requests, requests)
	}
}
