// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Package candidate is the common part of the measured programs, so that they differ only
// in how they update.
package candidate

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/choria-io/go-updater/bench/internal/peak"
)

// Job is what the flags ask for.
type Job struct {
	URL     string // of the repository, or of the file for candidates without repositories
	Target  string // the file to replace
	SHA256  string // hex, of the new binary, for candidates that need it
	Current string // version of the target
	Version string // version to install
	Key     string // file with the public key
	Checks  int    // how often to check for an update instead of updating
}

// Main reads the job from the arguments, does it and prints the peak memory.
func Main(do func(Job) error) {
	os.Exit(run(do, os.Args[1:], os.Stdout, os.Stderr))
}

func run(do func(Job) error, args []string, stdout, stderr io.Writer) int {
	var j Job
	flags := flag.NewFlagSet("candidate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&j.URL, "url", "", "take the update from `URL`")
	flags.StringVar(&j.Target, "target", "", "replace `FILE`")
	flags.StringVar(&j.SHA256, "sha256", "", "expect this `HASH`")
	flags.StringVar(&j.Current, "current", "", "`VERSION` of the target")
	flags.StringVar(&j.Version, "version", "", "`VERSION` to install")
	flags.StringVar(&j.Key, "key", "", "trust the public key in `FILE`")
	flags.IntVar(&j.Checks, "checks", 0, "check for an update `N` times instead of updating")
	if flags.Parse(args) != nil {
		return 2
	}
	if err := do(j); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	fmt.Fprintln(stdout, peak.Line())
	return 0
}

// Get downloads url with the default HTTP client, as a simple program does.
func Get(url string) (io.ReadCloser, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s: %s", url, resp.Status), resp.Body.Close())
	}
	return resp.Body, nil
}
