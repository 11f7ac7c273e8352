// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command updater is nethttp that also links package updater.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	updater "github.com/choria-io/go-updater"
	"github.com/choria-io/go-updater/bench/internal/peak"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Println(http.Get(os.Args[1])) //nolint:bodyclose // linked but never run
		fmt.Println(update())
	}
	fmt.Println(peak.Line())
}

// update uses everything that the README shows, so that the linker keeps it.
func update() error {
	if _, err := updater.Recover(); err != nil {
		return err
	}
	u, err := updater.New(updater.SourceRepo(os.Args[1]), updater.Version("1.0.0"), updater.PublicKey([]byte(os.Args[2])),
		updater.SmokeTest(updater.Trial{}), updater.HealthCheck(updater.Trial{}), updater.Probation(3))
	if err != nil {
		return err
	}
	if _, err := u.Check(context.Background()); err != nil {
		return err
	}
	if _, err := u.Apply(context.Background()); err != nil {
		return updater.RollbackError(err)
	}
	if err := updater.Rollback(); err != nil {
		return err
	}
	return u.Confirm(context.Background())
}
