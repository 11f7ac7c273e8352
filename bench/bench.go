// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// options are the values of the flags.
type options struct {
	runs   int
	quick  bool
	strict bool
	json   bool
	svg    string
	corpus string
	dir    string
	only   *regexp.Regexp
}

// bench is one run of the benchmark.
type bench struct {
	options
	progress io.Writer

	root     string            // the checkout of go-updater
	work     string            // temporary directory on the measured disk
	programs map[string]string // built programs by package
	report   *report
}

// logf reports progress on standard error.
func (b *bench) logf(format string, args ...any) {
	fmt.Fprintf(b.progress, "bench: "+format+"\n", args...)
}

// measure runs the selected parts.
func (b *bench) measure(ctx context.Context) (err error) {
	if err := os.MkdirAll(b.corpus, 0o755); err != nil {
		return err
	}
	if b.dir == "" {
		b.dir = b.corpus
	}
	if b.work, err = os.MkdirTemp(b.dir, "go-updater-bench-"); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, os.RemoveAll(b.work))
	}()
	if b.root, err = b.checkout(ctx); err != nil {
		return err
	}
	b.report = &report{Host: describeHost(b.work), Runs: b.runs, Quick: b.quick}
	for _, part := range parts {
		if b.only != nil && !b.only.MatchString(part.name) {
			continue
		}
		if err := part.do(b, ctx); err != nil {
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	b.report.Bounds = b.report.bounds()
	return nil
}

// checkout returns the directory of go-updater, which go.mod replaces by the checkout.
func (b *bench) checkout(ctx context.Context) (string, error) {
	out, err := b.command(ctx, ".", nil, "go", "list", "-m", "-f", "{{.Path}} {{.Dir}}", "all")
	if err != nil {
		return "", fmt.Errorf("cannot find go-updater (run go -C bench run . in a checkout): %w", err)
	}
	for line := range strings.Lines(out) {
		if dir, ok := strings.CutPrefix(strings.TrimSpace(line), "github.com/choria-io/go-updater "); ok {
			return dir, nil
		}
	}
	return "", errors.New("cannot find go-updater (run go -C bench run . in a checkout)")
}

// command runs a program in dir and returns its standard output.
func (b *bench) command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	// The go command leaves its temporary files when it is interrupted. In b.work they
	// are removed.
	cmd.Env = append(os.Environ(), append([]string{"GOTMPDIR=" + b.work, "GOWORK=off"}, env...)...)
	ownGroup(cmd)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, exit.Stderr)
	}
	return string(out), err
}

// program returns the path of a program of this module or of go-updater. It builds the
// program on the first call.
func (b *bench) program(ctx context.Context, module, pkg string) (string, error) {
	if path := b.programs[pkg]; path != "" {
		return path, nil
	}
	path := filepath.Join(b.work, executable(strings.ReplaceAll(pkg, "/", "-")))
	if err := b.build(ctx, module, pkg, path, nil); err != nil {
		return "", err
	}
	b.programs[pkg] = path
	return path, nil
}

// build builds like a release: stripped, with -trimpath, without cgo.
func (b *bench) build(ctx context.Context, module, pkg, output string, env []string) error {
	_, err := b.command(ctx, module, append([]string{"CGO_ENABLED=0"}, env...),
		"go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", output, "./"+pkg)
	return err
}
