// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// The same addresses as the client of a release builds.
func TestRemoteAddressesKeepTheirEscapes(t *testing.T) {
	for base, want := range map[string]string{
		"https://h/r":    "https://h/r/1.0.0%2Bb/a",
		"https://h/r/":   "https://h/r/1.0.0%2Bb/a",
		"https://h/a%2F": "https://h/a%2F/1.0.0%2Bb/a",
		"https://h/a%2f": "https://h/a%2f/1.0.0%2Bb/a",
		"https://h/a%20": "https://h/a%20/1.0.0%2Bb/a",
		"https://h":      "https://h/1.0.0%2Bb/a",
	} {
		u, err := url.Parse(base)
		require.NoError(t, err)
		require.Equal(t, want, remote{base: u}.at("1.0.0+b/a").String(), base)
	}
}
