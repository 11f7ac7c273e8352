// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command selfupdate is the smallest program that replaces itself. It prints its
// version, or installs another version and restarts as that. A version that fails
// before it has printed its version is replaced by the one before.
//
//	selfupdate                  prints its version
//	selfupdate update VERSION   installs that version and starts it
//	selfupdate status           prints what is known of updates, as JSON
//	selfupdate rollback         restores the version before
//
// It is built with its version, its repository and the key that it trusts:
//
//	go build -ldflags "-X main.version=1.0.0 -X main.repo=https://… -X main.releaseKey=…"
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	updater "github.com/choria-io/go-updater"
)

// Set by the linker. releaseKey is the base64 that keygen prints. It is part of the
// program, because a key that comes with a release proves nothing.
var (
	version    = "0.0.0"
	repo       = ""
	releaseKey = ""
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "selfupdate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	// First, because it ends an update that was interrupted, and goes back if this
	// version was started too often without Confirm.
	target := updater.TargetFile(os.Args[0])
	recovery, err := updater.Recover(target)
	if err != nil {
		fmt.Fprintln(os.Stderr, "selfupdate:", err) // the program can run all the same
	} else if recovery.Restored {
		return updater.Restart(target)
	}
	fmt.Printf("selfupdate %s for %s/%s\n", version, runtime.GOOS, runtime.GOARCH)
	switch {
	case len(args) == 0:
		// The program has nothing else to do, so this version works.
		return updater.Confirm(target)
	case len(args) == 2 && args[0] == "update":
		return update(ctx, args[1], target)
	case len(args) == 1 && args[0] == "status":
		return status(target)
	case len(args) == 1 && args[0] == "rollback":
		return updater.Rollback(target)
	}
	return errors.New("usage: selfupdate [update VERSION | status | rollback]")
}

func newUpdater(wanted string, target updater.Option) (*updater.Updater, error) {
	return updater.New(
		target,
		updater.SourceRepo(repo),
		updater.Product("selfupdate"),
		updater.CurrentVersion(version),
		updater.Version(wanted),
		updater.RetryFailed(wanted), // a person asks for it
		updater.PublicKey([]byte(releaseKey)),
		updater.SmokeTest(updater.Trial{Contains: "selfupdate " + wanted}),
		updater.Probation(3),
		updater.Progress(progress(os.Stderr, onTerminal(os.Stderr))),
		updater.OnEvent(func(e updater.Event) { fmt.Println("selfupdate:", e.Kind, e.Version, e.Reason) }),
	)
}

func update(ctx context.Context, wanted string, target updater.Option) error {
	u, err := newUpdater(wanted, target)
	if err != nil {
		return err
	}
	result, err := u.Apply(ctx)
	if broken := updater.RollbackError(err); broken != nil {
		return fmt.Errorf("the update failed and the old program could not be put back, a person is needed: %w", broken)
	}
	if err != nil {
		return fmt.Errorf("not updated, nothing was changed: %w", err)
	}
	if result.Updated { // else a restart would change nothing, again and again
		return u.Restart(ctx)
	}
	return u.Confirm(ctx)
}
