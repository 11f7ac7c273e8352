// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/choria-io/go-updater/internal/testing/race"
)

// The result of FormatEncrypted is decrypted before it is returned. A key with
// mismatched halves stands for an error in one of the libraries.
func TestWhatWasWrittenIsReadBack(t *testing.T) {
	race.Skip(t, "key derivation, in one goroutine")
	k := rfcKey(t)
	other, err := Generate(bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	require.NoError(t, err)
	torn := newPrivateKey(append(k.secret().key[:32:32], other.Public().Bytes()...), k.Public())
	// OpenSSH stores both halves, so it is malformed. In PKCS#8 it is another key.
	for _, f := range []PrivateFormat{OpenSSH, PKCS8, Sigstore} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			data, err := FormatEncrypted(torn, f, []byte(testPassphrase))
			require.ErrorIs(t, err, ErrKeyMismatch)
			require.ErrorContains(t, err, "reading it back: ")
			require.Nil(t, data)
		})
	}
}
