// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command ours updates by go-updater, with a signed repository and everything
// that is on by default.
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

func main() { contestant.Main(update) }

func update(j contestant.Job) error {
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
	result, err := u.Apply(context.Background())
	if err == nil && !result.Updated {
		err = errors.New("there was nothing to update")
	}
	return err
}
