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

// A program updates itself, and goes on as the new version.
func ExampleUpdater_Restart() {
	err := updateAndRestart(context.Background())
	log.Print("not updated, or not restarted: ", err)
}

func updateAndRestart(ctx context.Context) error {
	u, err := updater.New(
		updater.SourceRepo("https://repo.example.net/updater"),
		updater.Product("choria"),
		updater.CurrentVersion("1.2.2"),
		updater.Version("1.2.3"),
		updater.PublicKey([]byte(releaseKey)),
	)
	if err != nil {
		return err
	}
	result, err := u.Apply(ctx)
	if err != nil || !result.Updated {
		return err // a restart without an update would lead here again
	}
	return u.Restart(ctx)
}

// The first lines of a program: if this version did not work, go back to the one before.
func ExampleRestart() {
	recovery, err := updater.Recover()
	if err != nil {
		log.Print(err) // the program can run all the same
	} else if recovery.Restored {
		if err := updater.Restart(); err != nil {
			log.Fatal(err)
		}
		return // on Windows the program before is another process
	}
}

// An endpoint for monitoring.
func ExampleUpdater_Status() {
	u, err := updater.New(
		updater.SourceRepo("https://repo.example.net/updater"),
		updater.TargetFile("/nonexistent/choria"),
		updater.CurrentVersion("1.2.2"),
		updater.Version("1.2.3"),
		updater.PublicKey([]byte(releaseKey)),
	)
	if err != nil {
		log.Fatal(err)
	}
	status, err := u.Status()
	if err != nil {
		log.Print("the record of the last update: ", err)
	}
	text, err := status.MarshalJSON()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	// Output: {"failed":[],"running":"1.2.2","target":"/nonexistent/choria","wanted":"1.2.3"}
}

func ExampleOnEvent() {
	option := updater.OnEvent(func(e updater.Event) {
		switch e.Kind {
		case updater.EventInstalled:
			log.Printf("%s is installed instead of %s", e.Version, e.Previous)
		case updater.EventGaveUp, updater.EventRestored:
			log.Printf("alert: %s %s: %s", e.Kind, e.Version, e.Reason)
		case updater.EventFailed:
			log.Printf("%v, next try at %v", e.Err, e.Next)
		}
	})
	if err := updater.Apply(option, updater.Version("1.2.3")); err != nil {
		log.Print(err)
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
