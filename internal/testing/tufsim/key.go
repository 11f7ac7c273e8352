// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tufsim

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Key signs. Tests may change Public before it is used, and then call Rename.
type Key struct {
	ID     string
	Public *metadata.Key
	signer signature.Signer
}

// NewKey returns a new Ed25519 key at each call.
func (r *Repo) NewKey() *Key {
	r.keys++
	seed := sha256.Sum256(fmt.Appendf(nil, "key %d of the simulator", r.keys))
	signer, err := signature.LoadED25519Signer(ed25519.NewKeyFromSeed(seed[:]))
	return newKey(signer, err)
}

// NewECDSA returns a key on P-256.
func NewECDSA() *Key {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	signer, err := signature.LoadECDSASigner(private, crypto.SHA256)
	return newKey(signer, err)
}

// NewRSA returns a key of 2048 bits for RSASSA-PSS.
func NewRSA() *Key {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	signer, err := signature.LoadRSAPSSSigner(private, crypto.SHA256, &rsa.PSSOptions{Hash: crypto.SHA256})
	return newKey(signer, err)
}

func newKey(signer signature.Signer, err error) *Key {
	if err != nil {
		panic(err)
	}
	public, err := signer.PublicKey()
	if err != nil {
		panic(err)
	}
	key, err := metadata.KeyFromPublicKey(public)
	if err != nil {
		panic(err)
	}
	k := &Key{Public: key, signer: signer}
	k.Rename()
	return k
}

// Rename sets the id of the key to that of its content.
func (k *Key) Rename() {
	data, err := cjson.EncodeCanonical(k.Public)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(data)
	k.ID = hex.EncodeToString(sum[:])
}

func (k *Key) sign(payload []byte) []byte {
	raw, err := k.signer.SignMessage(bytes.NewReader(payload))
	if err != nil {
		panic(err)
	}
	return raw
}
