// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command selfupdate is the smallest program that replaces itself. It prints its
// version, or installs another version and restarts as that. A version that fails
// before it has printed its version is replaced by the one before.
//
//	selfupdate                  prints its version
//	selfupdate update VERSION   installs that version and starts it
//	selfupdate rollback         restores the version before
//
// It is built with its version, its repository and the key that it trusts:
//
//	go build -ldflags "-X main.version=1.0.0 -X main.repo=https://… -X main.releaseKey=…"
package main

import (
	"errors"
	"fmt"
	"log"
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
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "selfupdate:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if err := recoverUpdate(); err != nil {
		return err
	}
	fmt.Printf("selfupdate %s for %s/%s\n", version, runtime.GOOS, runtime.GOARCH)
	switch {
	case len(args) == 0:
		// The program has nothing else to do, so this version works.
		return updater.Confirm(updater.TargetFile(os.Args[0]))
	case len(args) == 2 && args[0] == "update":
		return update(args[1])
	case len(args) == 1 && args[0] == "rollback":
		return updater.Rollback(updater.TargetFile(os.Args[0]))
	}
	return fmt.Errorf("usage: selfupdate [update VERSION | rollback]")
}

// recoverUpdate finishes or undoes an interrupted update, before anything else is done.
// It restarts as the version before if this one was started too often without Confirm.
func recoverUpdate() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	recovery, err := updater.Recover(updater.TargetFile(os.Args[0]))
	switch {
	case errors.Is(err, updater.ErrLocked):
		// A running update has started this program to test it.
	case err != nil:
		// The program can run all the same.
		fmt.Fprintln(os.Stderr, "selfupdate:", err)
	case recovery.Restored:
		return restart(self)
	}
	return nil
}

func update(wanted string) error {
	// Before the update: afterwards, on Windows, this process runs from the backup.
	self, err := os.Executable()
	if err != nil {
		return err
	}

	err = updater.Apply(
		updater.Logger(log.New(os.Stdout, "updater: ", 0)),
		updater.SourceRepo(repo),
		updater.Product("selfupdate"),
		updater.CurrentVersion(version),
		updater.Version(wanted),
		updater.PublicKey([]byte(releaseKey)),
		updater.TargetFile(os.Args[0]),
		updater.SmokeTest(updater.Trial{Contains: "selfupdate " + wanted}),
		updater.Probation(3),
		updater.RetryFailed(wanted), // a person asks for it
		updater.Progress(progress(os.Stderr, onTerminal(os.Stderr))),
	)
	if err != nil {
		if broken := updater.RollbackError(err); broken != nil {
			return fmt.Errorf("the update failed and %s could not be put back, a person is needed: %w", self, broken)
		}
		return fmt.Errorf("not updated, nothing was changed: %w", err)
	}

	// Without arguments, so that the new version does not update again.
	return restart(self)
}
