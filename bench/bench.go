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

// options are the flags.
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

	root     string            // of go-updater's checkout
	work     string            // temporary, on the disk that is measured
	programs map[string]string // contestants and commands, built
	report   *report
}

// say tells on standard error what takes so long.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, "bench: "+format+"\n", args...)
}

// measure runs the parts that were asked for.
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
	b.report.Bounds = b.report.judge()
	return nil
}

// checkout finds the tree that is measured: this module replaces go-updater by
// it.
func (b *bench) checkout(ctx context.Context) (string, error) {
	out, err := b.command(ctx, ".", nil, "go", "list", "-m", "-f", "{{.Path}} {{.Dir}}", "all")
	if err != nil {
		return "", fmt.Errorf("run it as go -C bench run . in the checkout: %w", err)
	}
	for line := range strings.Lines(out) {
		if dir, ok := strings.CutPrefix(strings.TrimSpace(line), "github.com/choria-io/go-updater "); ok {
			return dir, nil
		}
	}
	return "", errors.New("run it as go -C bench run . in the checkout")
}

// command runs a program in dir and returns what it printed on standard output.
func (b *bench) command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	// When it is interrupted the go command ends what it started, but leaves its
	// temporary files: so they go where all others do.
	cmd.Env = append(os.Environ(), append([]string{"GOTMPDIR=" + b.work, "GOWORK=off"}, env...)...)
	apart(cmd)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, exit.Stderr)
	}
	return string(out), err
}

// program returns the path of a program of this module, or of a command of
// go-updater, which it builds the first time.
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

// build builds as releases are built: stripped, without paths, without cgo.
func (b *bench) build(ctx context.Context, module, pkg, output string, env []string) error {
	_, err := b.command(ctx, module, append([]string{"CGO_ENABLED=0"}, env...),
		"go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", output, "./"+pkg)
	return err
}
