// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command loop is a program for v0.1.0: it restarts after every Apply without an error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	updater "github.com/choria-io/go-updater"
)

// Set by the linker.
var version, repo, releaseKey, wanted string

// content makes the binaries of one version differ.
var content string

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func run(mode string) error {
	fmt.Println("start of", version, content)
	options := []updater.Option{
		updater.Logger(log.New(io.Discard, "", 0)), updater.SourceRepo(repo), updater.CurrentVersion(version),
		updater.Version(wanted), updater.PublicKey([]byte(releaseKey)),
	}
	u, err := updater.New(options...)
	if err != nil {
		return err
	}
	switch mode {
	case "function":
		err = updater.Apply(options...)
	case "method":
		_, err = u.Apply(context.Background())
	case "twice": // an old program that does not restart
		for range 2 {
			result, err := u.Apply(context.Background())
			if err != nil {
				return err
			}
			fmt.Println("updated:", result.Updated)
		}
		return nil
	}
	if errors.Is(err, updater.ErrVersion) {
		return fmt.Errorf("ErrVersion: %w", err)
	}
	if err != nil {
		return err
	}
	return updater.Restart(options...)
}
