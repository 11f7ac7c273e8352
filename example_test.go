// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package updater_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/trust"
)

const releaseKey = "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w="

func ExampleApply() {
	err := updater.Apply(
		updater.SourceRepo("https://repo.example.net/updater"),
		updater.Product("choria"),
		updater.CurrentVersion("1.2.2"),
		updater.Version("1.2.3"),
		updater.PublicKey([]byte(releaseKey)),
	)
	if broken := updater.RollbackError(err); broken != nil {
		log.Fatalf("the old binary could not be put back, restore it by hand: %v", broken)
	}
	if err != nil {
		log.Printf("not updated: %v", err)
	}
}

func ExampleNew() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()

	u, err := updater.New(
		updater.SourceRepo("https://repo.example.net/updater"),
		updater.Product("choria"),
		updater.CurrentVersion("1.2.2"),
		updater.Version("1.2.3"),
		updater.PublicKeys(2, []byte(releaseKey), readKey("second.pub"), readKey("third.pub")),
		updater.Slog(slog.Default()),
		updater.HTTPClient(&http.Client{Transport: http.DefaultTransport}),
		updater.Header("Authorization", "Bearer "+os.Getenv("REPO_TOKEN")),
		updater.Progress(func(p updater.ProgressReport) { fmt.Println(p.Phase, p.Done, "of", p.Total) }),
		updater.StateDir("/var/lib/choria/updates"),
		updater.MaxSize(256<<20),
	)
	if err != nil {
		log.Fatal(err)
	}
	result, err := u.Apply(ctx)
	switch {
	case errors.Is(err, updater.ErrLocked), errors.Is(err, updater.ErrTemporary):
		log.Print("later: ", err)
	case errors.Is(err, trust.ErrSignature), errors.Is(err, trust.ErrRollback):
		log.Print("the repository or the network may be under attack: ", err)
	case err != nil:
		log.Print(err)
	case result.Updated:
		log.Printf("restart to run %s; %s is in %s", result.Version, result.Previous, result.Backup)
	}
}

func readKey(path string) []byte {
	key, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	return key
}

// Without a key nothing is requested from the repository.
func ExamplePublicKey() {
	err := updater.Apply(updater.SourceRepo("https://repo.example.net"), updater.Version("1.2.3"))
	fmt.Println(errors.Is(err, updater.ErrNoPublicKey))
	fmt.Println(err)
	// Output:
	// true
	// invalid updater configuration: no public key given (use PublicKey())
}

func ExampleRollback() {
	err := updater.Rollback(updater.TargetFile("/usr/local/bin/choria"))
	if errors.Is(err, updater.ErrNoBackup) {
		log.Print("there is no backup")
	}
}

// A downloader for another kind of store passes the document on as it is, and does
// not check it.
func ExampleParseSpec() {
	spec, err := updater.ParseSpec([]byte(`{"binary": "app.bz2", "hash": "e3c7", "signature": "…"}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(spec.BinaryPath)
	// Output: app.bz2
}
