// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package release_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/release"
)

// FuzzAnswer: what is read is what would have been written.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("go-updater document 1\n\n\n\n"))
	f.Add([]byte("go-updater document 1\nc3c1fd9cbb2d5b2c7e2b4d7d6a0a2e3b9c8d4a6b3c1e5f7a9b0c2d4e6f8a0b1c\nurl\n\"tag\"\ndocument\nwith lines"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if a, ok := release.ParseAnswer(raw); ok {
			require.Equal(t, string(raw), string(a.Format()))
		}
	})
}
