// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command bench compares an update by go-updater with other ways to update, on binaries
// of real programs:
//
//	go -C bench run .
//
// It builds two consecutive releases of nats-server and of caddy from the module proxy
// and publishes them with update-repo. Then separate programs, the candidates, update a
// file from one release to the other over HTTP on loopback:
//
//   - v0.1.0 method: bzip2 of the standard library into a file, then the hash, then the
//     swap; reimplemented from the description of v0.1.0
//   - minio/selfupdate: a gzip file, as in its documentation
//   - no updater: the uncompressed binary, hashed, synced and renamed; a lower limit for
//     the time of an update over HTTP
//   - go-updater, with each encoding and with a patch; with signature, verification,
//     backup, journal and syncs
//
// The candidates take turns. Each run is a whole process, from start to exit. Ratios are
// computed between runs of the same turn; the printed values are medians. The first turn
// is a warm-up and does not count. The server is a separate process and counts the bytes
// in both directions. Each program reports its own peak memory, because the value that
// the system reports for a child starts at the size of its parent.
//
// The parts 100mbit and 20mbit repeat this with a server that limits its rate. The part
// sizes updates synthetic binaries of 1 to 400 MB, made of the real ones with small edits.
// The part check measures a Check that finds nothing new. The parts start-up and link-size
// measure what importing updater costs a program.
//
// Binaries and repositories are kept in the user's cache directory. The updated files
// have to be on a disk: see -dir. The output ends with one line for each bound.
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
		fmt.Fprintf(stderr, "bench: %d bounds missed\n", n)
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
	b.logf("writing %s", b.svg)
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
	f.IntVar(&o.runs, "n", 0, "compare `N` runs of each candidate (default 5, or 3 if -quick)")
	f.BoolVar(&o.quick, "quick", false, "measure only nats-server, 3 runs, up to 100 MB")
	f.BoolVar(&o.strict, "strict", false, "exit 1 if a bound is missed")
	f.BoolVar(&o.json, "json", false, "print all measurements as JSON instead of tables")
	f.StringVar(&o.svg, "svg", "", "write the plot to `FILE` (default ../docs/bench.svg if all parts are measured)")
	f.StringVar(&o.corpus, "corpus", filepath.Join(cache, "go-updater-bench"), "keep binaries and repositories in `DIR`")
	f.StringVar(&o.dir, "dir", "", "update files in `DIR`, which has to be on a disk (default: the directory of -corpus)")
	f.Func("only", "measure only parts that match `REGEXP`: loopback, 100mbit, 20mbit, sizes, check, start-up, link-size",
		func(s string) (err error) { o.only, err = regexp.Compile(s); return err })
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 || o.runs < 0 {
		f.Usage()
		return o, errors.New("wrong usage")
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
