// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package tuf_test

import (
	_ "embed"
	"errors"
	"fmt"
	"log"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/trust"
	"github.com/choria-io/go-updater/trust/tuf"
)

// root is a root.json of the repository, of any version.
//
//go:embed testdata/root.json
var root []byte

// A program that trusts the root keys, and through them the present release keys.
func Example() {
	err := updater.Apply(
		updater.SourceRepo("https://repo.example.net/updater"),
		updater.Product("choria"),
		updater.CurrentVersion("1.2.2"),
		updater.Version("1.2.3"),
		updater.VouchedBy(tuf.New(root)),
	)
	switch {
	case errors.Is(err, trust.ErrExpired):
		log.Print("the metadata was not renewed, or is withheld: ", err)
	case errors.Is(err, trust.ErrRollback), errors.Is(err, trust.ErrSignature):
		log.Print("the repository or the network may be under attack: ", err)
	case err != nil:
		log.Print(err)
	}
}

// A root that its own keys did not sign is an error of New.
func ExampleNew() {
	options := []updater.Option{updater.SourceRepo("https://repo.example.net/updater"), updater.Version("1.2.3"), updater.TargetFile("choria")}
	_, err := updater.New(append(options, updater.VouchedBy(tuf.New(root)))...)
	fmt.Println(err)

	forged := append([]byte{}, root...)
	forged[len(forged)-20] ^= 1
	_, err = updater.New(append(options, updater.VouchedBy(tuf.New(forged)))...)
	fmt.Println(errors.Is(err, updater.ErrConfig))
	// Output:
	// <nil>
	// true
}
