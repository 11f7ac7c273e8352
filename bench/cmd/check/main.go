// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command check asks, by go-updater, whether there is an update, and is told that
// there is none.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/bench/internal/contestant"
)

func main() { contestant.Main(check) }

func check(j contestant.Job) error {
	key, err := os.ReadFile(j.Key)
	if err != nil {
		return err
	}
	u, err := updater.New(
		updater.Logger(log.New(io.Discard, "", 0)),
		updater.SourceRepo(j.URL),
		updater.CurrentVersion(j.Version),
		updater.Version(j.Version),
		updater.PublicKey(key),
		updater.TargetFile(j.Target),
	)
	if err != nil {
		return err
	}
	for range j.Times {
		status, err := u.Check(context.Background())
		if err != nil {
			return err
		}
		if status.UpdateNeeded {
			return errors.New("an update was found where there is none")
		}
	}
	return nil
}
