// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command bench measures an update by go-updater against what a program would do
// instead, on binaries of real programs:
//
//	go -C bench run .
//
// It builds two consecutive releases of nats-server and of caddy from the module
// proxy, publishes them with update-repo, and lets separate programs update a
// file from one to the other over HTTP on loopback:
//
//   - v0.1.0's way: stdlib bzip2 into a file, then the hash, then the swap;
//     written by us after the description of v0.1.0
//   - minio/selfupdate: a gzip file, as its documentation shows
//   - no codec: the binary as it is, hashed, synced and renamed; what no updater
//     over HTTP can be much faster than
//   - go-updater, from each encoding by itself and from a patch; signed, verified,
//     backed up, journaled, synced
//
// The contestants run in turn, each a whole process from start to exit, and are
// compared pair by pair; what is printed are medians. The first turn is thrown
// away. The server is a process of its own and counts the bytes in both
// directions. Peak memory is what each program says of itself at its end, because
// what a parent is told of a child begins at the parent's own size.
//
// The parts 100mbit and 20mbit do the same through a server that sends no faster.
// The part sizes updates binaries of 1 to 400 MB, which are made of the real ones,
// repeated with small edits: there are no real ones of just these sizes.
// The others are: check, what it costs to be told that nothing is new; start-up
// and link-size, what a program pays for importing updater.
//
// Binaries and repositories are kept in the user's cache directory. What is
// measured lies on a disk: see -dir. It ends with one line for each bound that
// has to hold.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 3 && args[0] == serveCommand {
		rate, err := strconv.ParseInt(args[2], 10, 64)
		if err == nil {
			err = serve(args[1], rate, stdin, stdout)
		}
		return exit(err, stderr)
	}
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	b := &bench{options: o, progress: stderr, programs: map[string]string{}}
	if err := b.measure(ctx); err != nil {
		return exit(err, stderr)
	}
	if err := b.publishReport(stdout); err != nil {
		return exit(err, stderr)
	}
	if n := b.report.missed(); n > 0 {
		fmt.Fprintf(stderr, "bench: %d bounds are missed\n", n)
		if b.strict {
			return 1
		}
	}
	return 0
}

func exit(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "bench: error: %v\n", err)
	return 1
}

func (b *bench) publishReport(stdout io.Writer) error {
	if b.json {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(b.report); err != nil {
			return err
		}
	} else if err := b.report.print(stdout); err != nil {
		return err
	}
	if b.svg == "" {
		return nil
	}
	plot, err := b.report.plot()
	if err != nil {
		return err
	}
	b.say("writing %s", b.svg)
	return os.WriteFile(b.svg, plot, 0o644)
}

// parse reads the flags.
func parse(args []string, stderr io.Writer) (o options, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.runs, "n", 0, "compare `N` runs of each contestant (default 5, or 3 if -quick)")
	f.BoolVar(&o.quick, "quick", false, "measure nats-server only, 3 runs, and nothing of 400 MB")
	f.BoolVar(&o.strict, "strict", false, "exit 1 when a bound is missed")
	f.BoolVar(&o.json, "json", false, "print all measurements as JSON instead of tables")
	f.StringVar(&o.svg, "svg", "", "write the plot to `FILE` (default ../docs/bench.svg when everything is measured, else none)")
	f.StringVar(&o.corpus, "corpus", filepath.Join(cache, "go-updater-bench"), "keep binaries and repositories in `DIR`")
	f.StringVar(&o.dir, "dir", "", "update files in `DIR`, which is on a disk (default that of -corpus)")
	f.Func("only", "measure only the parts that match `REGEXP`: loopback, 100mbit, 20mbit, sizes, check, start-up, link-size",
		func(s string) (err error) { o.only, err = regexp.Compile(s); return err })
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 || o.runs < 0 {
		f.Usage()
		return o, errors.New("misused")
	}
	if o.runs == 0 {
		o.runs = 5
		if o.quick {
			o.runs = 3
		}
	}
	if o.svg == "" && !o.quick && o.only == nil {
		o.svg = filepath.Join("..", "docs", "bench.svg")
	}
	for _, dir := range []*string{&o.corpus, &o.dir} {
		if *dir == "" {
			continue
		}
		if *dir, err = filepath.Abs(*dir); err != nil {
			return o, err
		}
	}
	return o, nil
}
