// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command updater-judge looks after a program that updates itself, before that is
// started: it counts a start of a new version on probation, and puts the version before
// back if the new one had its starts or its time and did not confirm that it works. It
// never runs the program.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	updater "github.com/choria-io/go-updater"
)

const usage = `Look after a program that updates itself, before it is started.

If an update of PROGRAM was interrupted, it is finished or undone. If PROGRAM is a new
version on probation, a start is counted. If the new version had its starts or its time,
and did not confirm that it works, the version before is put back. PROGRAM is never run.

Run it as the owner of PROGRAM, before each start. Root becomes the owner.

Usage:
  updater-judge [--json] [--insecure-shared-directory] PROGRAM

Flags:
      --insecure-shared-directory
                  accept that every user may write to the directory of PROGRAM, as
                  the program itself does
      --json      print what was found and done, as JSON
      --version   print the version
  -h, --help      print this text

Exit codes: 0 PROGRAM may be started, 1 it could not be judged, 2 wrong usage.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("updater-judge", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	asJSON, printVersion := flags.Bool("json", false, ""), flags.Bool("version", false, "")
	shared := flags.Bool("insecure-shared-directory", false, "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err == nil && *printVersion:
		fmt.Fprintln(stdout, "updater-judge", version())
		return 0
	case err == nil && (flags.NArg() != 1 || flags.Arg(0) == ""):
		err = errors.New("exactly one PROGRAM is wanted (see --help)")
	}
	if err != nil {
		fmt.Fprintln(stderr, "updater-judge: error:", err)
		return 2
	}
	if err := judge(ctx, flags.Arg(0), *asJSON, *shared, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "updater-judge: error:", err)
		return 1
	}
	return 0
}

// verdict is what --json prints.
type verdict struct {
	Finished bool   `json:"finished"` // an interrupted update was finished
	Undone   bool   `json:"undone"`   // an interrupted update was undone
	Restored bool   `json:"restored"` // an older version is back
	Failed   string `json:"failed"`   // the version that was given up
	Back     string `json:"back"`     // the version that is back
	Starts   int    `json:"starts"`   // on probation, the one that follows included
	Limit    int    `json:"limit"`    // starts that are granted
}

func judge(ctx context.Context, program string, asJSON, shared bool, stdout, stderr io.Writer) error {
	if err := becomeOwner(program); err != nil {
		return err
	}
	opts := []updater.Option{updater.TargetFile(program), updater.Logger(log.New(stderr, "updater-judge: ", 0))}
	if shared {
		opts = append(opts, updater.InsecureSharedDirectory())
	}
	found, err := updater.Judge(ctx, opts...)
	if err != nil || !asJSON {
		return err
	}
	return json.NewEncoder(stdout).Encode(verdict(*found))
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown)"
	}
	return info.Main.Version
}
