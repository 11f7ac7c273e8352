// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/choria-io/go-updater/internal/testing/tufsim"
	"github.com/choria-io/go-updater/internal/tuf"
	"github.com/choria-io/go-updater/trust"
)

// A key of an unknown kind does not invalidate the others, and does not lower the
// threshold.
func TestKeysOfOtherKinds(t *testing.T) {
	for name, key := range map[string]metadata.Key{
		"unknown type":   {Type: "ml-dsa", Scheme: "ml-dsa-65", Value: metadata.KeyVal{PublicKey: "00"}},
		"unknown scheme": {Type: metadata.KeyTypeEd25519, Scheme: "ed25519ph", Value: metadata.KeyVal{PublicKey: strings.Repeat("0a", 32)}},
		"short":          {Type: metadata.KeyTypeEd25519, Scheme: metadata.KeySchemeEd25519, Value: metadata.KeyVal{PublicKey: "0a"}},
		"of low order":   {Type: metadata.KeyTypeEd25519, Scheme: metadata.KeySchemeEd25519, Value: metadata.KeyVal{PublicKey: "01" + strings.Repeat("00", 31)}},
		"no PEM":         {Type: metadata.KeyTypeECDSA_SHA2_P256, Scheme: metadata.KeySchemeECDSA_SHA2_P256, Value: metadata.KeyVal{PublicKey: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, role := range []string{root, timestamp, snapshot, targets} {
				w.Root.Keys["odd"] = &key
				w.Root.Roles[role].KeyIDs = append([]string{"odd", "missing"}, w.Root.Roles[role].KeyIDs...)
			}
			w.Publish(root)
			w.PublishAll(targets)
			w.accepts()
			w.Publish(root)
			require.Equal(t, int64(3), w.accepts().run.root.Signed.Version, "it verifies the next one too")
			w.Root.Roles[timestamp].Threshold = 2
			w.Publish(root, timestamp)
			w.refuses(trust.ErrThreshold)
		})
	}
}

// A key with an unknown scheme does not count as one with the usual scheme of its type.
func TestSchemeIsPartOfTheKey(t *testing.T) {
	w := newWorld(t)
	w.Root.Keys[w.Signers[timestamp][0].ID].Scheme = "ed25519ph"
	w.Publish(root, timestamp)
	w.refuses(trust.ErrSignature)
}

// The library does not verify all that it reads. A mirror that adds delegations to
// signed metadata would choose which keys are trusted.
func TestNothingIsAddedToSignedMetadata(t *testing.T) {
	mallory := newWorld(t).NewKey()
	for name, tc := range map[string]struct {
		old, add string
		want     error
	}{
		"succinct_roles beside roles": {`"roles":[`, `"succinct_roles":{"keyids":["m"],"threshold":1,"bit_length":1,"name_prefix":"bin"},"keys":{"m":` +
			fmt.Sprintf(`{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":%q}}`, mallory.Public.Value.PublicKey) + `},"roles":[`, trust.ErrMalformed},
		"succinct_roles alone":  {`"roles":[`, `"succinct_roles":{"keyids":["m"],"threshold":1,"bit_length":1,"name_prefix":"bin"},"roles":[`, trust.ErrMalformed},
		"a member of a target":  {`"hashes":{`, `"added":1,"hashes":{`, trust.ErrSignature},
		"a member of targets":   {`"version":`, `"added":1,"version":`, trust.ErrSignature},
		"in other letters":      {`"version":`, `"VERSION":9,"version":`, trust.ErrSignature},
		"paths beside prefixes": {`"paths":[`, `"path_hash_prefixes":["0"],"paths":[`, trust.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.AddTarget(targets, "file", []byte("content"))
			w.Delegate(targets, metadata.DelegatedRole{Name: "A", Paths: []string{"*"}}, w.NewKey())
			w.PublishAll("A", targets)
			changed := strings.Replace(string(w.Latest(targets)), tc.old, tc.add, 1)
			require.NotEqual(t, string(w.Latest(targets)), changed)
			w.ReplaceLatest(targets, []byte(changed))
			w.refuses(tc.want)
		})
	}
}

// With the identity as public key, Go's verifier accepts this signature of any message.
func TestLowOrderKeyDoesNotCount(t *testing.T) {
	w := newWorld(t)
	identity := "01" + strings.Repeat("00", 31)
	raw, err := hex.DecodeString(identity)
	require.NoError(t, err)
	forged := append(append([]byte{}, raw...), make([]byte, 32)...)
	require.True(t, ed25519.Verify(raw, []byte("anything"), forged))
	w.Root.Keys["weak"] = &metadata.Key{Type: metadata.KeyTypeEd25519, Scheme: metadata.KeySchemeEd25519, Value: metadata.KeyVal{PublicKey: identity}}
	w.Root.Roles[timestamp].KeyIDs = append(w.Root.Roles[timestamp].KeyIDs, "weak")
	w.Publish(root)
	w.Signers[timestamp] = nil
	w.Publish(timestamp)
	md, err := tuf.Parse[timestampType](w.Latest(timestamp))
	require.NoError(t, err)
	md.Signatures = []metadata.Signature{{KeyID: "weak", Signature: forged}}
	data, err := md.ToBytes(false)
	require.NoError(t, err)
	w.ReplaceLatest(timestamp, data)
	w.refuses(trust.ErrSignature)
}

func TestSignatures(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(w *world)
		want   error
	}{
		"none":    {func(w *world) { w.Signers[timestamp] = nil }, trust.ErrUnsigned},
		"another": {func(w *world) { w.Signers[timestamp] = []*tufsim.Key{w.NewKey()} }, trust.ErrSignature},
		"one of two": {func(w *world) {
			w.AddKey(timestamp, w.NewKey())
			w.Root.Roles[timestamp].Threshold = 2
			w.Signers[timestamp] = w.Signers[timestamp][1:]
		}, trust.ErrThreshold},
		"another role's": {func(w *world) { w.Signers[timestamp] = w.Signers[snapshot] }, trust.ErrSignature},
		"another's under the right name": {func(w *world) {
			forger := *w.NewKey()
			forger.ID = w.Signers[timestamp][0].ID
			w.Signers[timestamp] = []*tufsim.Key{&forger}
		}, trust.ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.accepts()
			tc.change(w)
			w.Publish(root, timestamp)
			w.refuses(tc.want)
		})
	}
}
