// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command goupdater updates with go-updater from a signed repository, with default options.
// With -checks it asks whether there is an update instead, and expects none.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/bench/internal/candidate"
)

func main() { candidate.Main(do) }

func do(j candidate.Job) error {
	key, err := os.ReadFile(j.Key)
	if err != nil {
		return err
	}
	u, err := updater.New(
		updater.Logger(log.New(io.Discard, "", 0)),
		updater.SourceRepo(j.URL),
		updater.CurrentVersion(j.Current),
		updater.Version(j.Version),
		updater.PublicKey(key),
		updater.TargetFile(j.Target),
	)
	if err != nil {
		return err
	}
	if j.Checks > 0 {
		return check(u, j.Checks)
	}
	result, err := u.Apply(context.Background())
	if err == nil && !result.Updated {
		err = errors.New("there was nothing to update")
	}
	return err
}

func check(u *updater.Updater, times int) error {
	for range times {
		status, err := u.Check(context.Background())
		if err != nil {
			return err
		}
		if status.UpdateNeeded {
			return errors.New("found an update, expected none")
		}
	}
	return nil
}
