// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package repository_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/repository"
	"github.com/choria-io/go-updater/trust"
)

// Publishing a release and checking it as a client would.
func Example() {
	ctx, now := context.Background(), time.Now()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "choria")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho 1.2.3\n"), 0o755); err != nil {
		log.Fatal(err)
	}

	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		log.Fatal(err)
	}
	signer, err := signature.LoadED25519Signer(private)
	if err != nil {
		log.Fatal(err)
	}

	repo, err := repository.Create(filepath.Join(dir, "repo"))
	if err != nil {
		log.Fatal(err)
	}
	defer repo.Close()
	published, err := repo.Add(ctx, repository.AddRequest{
		Files:   []repository.File{{OS: "linux", Arch: "amd64", Path: program}},
		Name:    "choria",
		Version: "1.2.3",
		Now:     now,
		Expires: now.AddDate(1, 0, 0),
		Signer:  signer,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(published[0].Document, published[0].Artifacts[0].Path)

	key, err := trust.NewKey(public)
	if err != nil {
		log.Fatal(err)
	}
	policy, err := trust.NewPolicy(1, key)
	if err != nil {
		log.Fatal(err)
	}
	report, err := repo.Verify(ctx, repository.VerifyRequest{Policy: policy, Now: now})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.OK())
	// Output:
	// 1.2.3/linux/amd64/release.json choria-linux-amd64-1.2.3.bz2
	// true
}
