// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/choria-io/go-updater/trust"
)

func ExampleVerify() {
	document, err := os.ReadFile("../testdata/repository/1.2.3/linux/amd64/release.json")
	if err != nil {
		panic(err)
	}
	publisher, err := os.ReadFile("../testdata/TEST-KEY-DO-NOT-USE.pub")
	if err != nil {
		panic(err)
	}
	keys, err := trust.ParseKeys(publisher)
	if err != nil {
		panic(err)
	}
	policy, err := trust.NewPolicy(1, keys...)
	if err != nil {
		panic(err)
	}

	want := trust.Want{
		Name: "choria", Version: "1.2.3", OS: "linux", Arch: "amd64",
		Now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC),
	}
	verified, err := trust.Verify(document, policy, want)
	if err != nil {
		panic(err)
	}
	fmt.Println(verified.Release.Binary, verified.Release.Size)
	fmt.Println("signed by", verified.Signers[0][:16])

	want.Arch = "arm64"
	_, err = trust.Verify(document, policy, want)
	fmt.Println(errors.Is(err, trust.ErrMismatch), err)
	// Output:
	// choria-linux-amd64-1.2.3.bz2 44
	// signed by 7d2fcfef88bb0b9d
	// true document is not the one requested: field "arch" is "amd64", not "arm64"
}

// The signed bytes do not depend on how the document is formatted, nor on its
// signatures.
func ExampleSignedBytes() {
	for _, document := range []string{
		`{"version": "1.2.3", "name": "choria"}`,
		`{"name": "\u0063horia", "signature": "…", "version": "1.2.3"}`,
	} {
		message, err := trust.SignedBytes(trust.ReleaseType, []byte(document))
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s\n", message)
	}

	// Two programs could read two names in this document.
	_, err := trust.SignedBytes(trust.ReleaseType, []byte(`{"name": "choria", "NAME": "other"}`))
	fmt.Println(err)
	// Output:
	// DSSEv1 42 application/vnd.choria.update.release+json 35 {"name":"choria","version":"1.2.3"}
	// DSSEv1 42 application/vnd.choria.update.release+json 35 {"name":"choria","version":"1.2.3"}
	// malformed document: before byte 25: member "NAME" appears twice
}

// Two of three keys must have signed.
func ExampleNewPolicy() {
	var keys []trust.Key
	for _, person := range []string{"ann", "ben", "cem"} {
		// In a program, the keys come from trust.ParseKeys.
		seed := []byte(strings.Repeat(person, 11)[:ed25519.SeedSize])
		public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		key, err := trust.NewKey(public)
		if err != nil {
			panic(err)
		}
		keys = append(keys, key)
	}
	_, err := trust.NewPolicy(2, keys...)
	fmt.Println(err)

	_, err = trust.NewPolicy(4, keys...)
	fmt.Println(err)

	// NewKey refuses a key for which anyone can sign.
	weak, _ := base64.StdEncoding.DecodeString("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	_, err = trust.NewKey(weak)
	fmt.Println(err)
	// Output:
	// <nil>
	// unusable key policy: a threshold of 4 with 3 keys
	// unusable public key: a point of low order, for which anyone can sign
}
