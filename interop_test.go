// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/trust"
)

// A release signed by openssl, with a key that openssl made, installs.
func TestSignatureMadeByOpenSSLIsAccepted(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("NOT PROVEN: needs openssl")
	}
	dir := t.TempDir()
	openssl := func(args ...string) {
		t.Helper()
		cmd := exec.Command("openssl", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "openssl %v: %s", args, out)
	}
	openssl("genpkey", "-algorithm", "ed25519", "-out", "key.pem")
	openssl("pkey", "-in", "key.pem", "-pubout", "-out", "pub.pem")
	pub, err := os.ReadFile(filepath.Join(dir, "pub.pem"))
	require.NoError(t, err)

	w := newWorld(t)
	r := newRelease(t, "1.2.3", []byte(newContent))
	r.document = func(t *testing.T, d []byte) []byte {
		signed, err := trust.SignedBytes(trust.ReleaseType, d)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "signed"), signed, 0o600))
		openssl("pkeyutl", "-sign", "-rawin", "-inkey", "key.pem", "-in", "signed", "-out", "signature")
		raw, err := os.ReadFile(filepath.Join(dir, "signature"))
		require.NoError(t, err)
		var fields map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(d, &fields))
		fields["signature"], err = json.Marshal(base64.StdEncoding.EncodeToString(raw))
		require.NoError(t, err)
		d, err = json.MarshalIndent(fields, "", "\t")
		require.NoError(t, err)
		return d
	}
	w.publish("1.2.3", r)
	w.refuses(trust.ErrSignature)
	require.NoError(t, updater.Apply(w.options(updater.PublicKey(pub))...))
	w.holds(newContent)
}
