// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzStrictBase64: what can be decoded is the only spelling of the result.
func FuzzStrictBase64(f *testing.F) {
	for _, size := range []int{32, 64} {
		text := base64.StdEncoding.EncodeToString(make([]byte, size))
		f.Add(text, size)
		f.Add(text+"\n", size)
		f.Add(text[:len(text)-1], size)
	}
	f.Fuzz(func(t *testing.T, text string, size int) {
		if size < 0 || size > 1024 {
			return
		}
		raw, err := strictBase64(text, size)
		if err != nil {
			require.Nil(t, raw)
			return
		}
		require.Len(t, raw, size)
		require.Equal(t, text, base64.StdEncoding.EncodeToString(raw))
	})
}
