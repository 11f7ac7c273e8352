// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

// Command quickstart demonstrates go-updater on this machine. It needs no network and
// removes all its files:
//
//	go run ./examples/quickstart
//
// It makes a release key, builds two versions of examples/selfupdate, publishes and
// serves them, lets version 1 replace itself with version 2 and roll back, and then
// attacks the update in six ways. It exits 1 if a step has an unexpected result.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/choria-io/go-updater/trust"
)

const (
	product    = "selfupdate"
	oldVersion = "1.0.0"
	newVersion = "2.0.0"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Stdout, os.Stderr, attacks())
	stop()
	os.Exit(code)
}

// run runs the demo with the given attacks and returns the exit code.
func run(ctx context.Context, stdout, stderr io.Writer, attacks []attack) int {
	if err := runSteps(ctx, newReport(stdout), attacks); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintf(stderr, "quickstart: error: %s\n", printable(err.Error()))
		return 1
	}
	return 0
}

// demo is the state that the steps share.
type demo struct {
	*report
	site   *site
	keys   string // the publisher's private directory
	repo   string // the publisher's repository
	build  string // directory with the built versions
	target string // the installed program

	signer signature.Signer
	key    trust.Key
}

func runSteps(ctx context.Context, r *report, attacks []attack) (err error) {
	dir, err := os.MkdirTemp("", "quickstart-")
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	d, err := newDemo(dir, r)
	if err != nil {
		return err
	}
	defer d.site.close()

	start := time.Now()
	for _, step := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"Make a release key", d.makeKey},
		{"Build two versions of examples/selfupdate that trust this key", d.buildVersions},
		{"Publish both, signed", d.publishVersions},
		{"Install version " + oldVersion + " and let it update itself to " + newVersion, d.updateItself},
		{"Roll back", d.rollBack},
		{"Attack the update", func(ctx context.Context) error { return d.attack(ctx, attacks) }},
		{"Update from the honest server again", d.update},
	} {
		d.step(step.title)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("step %d: %w", d.steps, err)
		}
	}
	d.done("All steps succeeded in %s.", time.Since(start).Round(time.Second))
	return nil
}

func newDemo(dir string, r *report) (*demo, error) {
	d := &demo{
		report: r,
		keys:   filepath.Join(dir, "keys"),
		repo:   filepath.Join(dir, "repo"),
		build:  filepath.Join(dir, "build"),
		target: filepath.Join(dir, "app", executable(product)),
	}
	for _, sub := range []string{d.keys, d.build, filepath.Dir(d.target)} {
		if err := os.Mkdir(sub, 0o755); err != nil {
			return nil, err
		}
	}
	var err error
	d.site, err = newSite(d.repo)
	return d, err
}

// command runs a program and returns its output. It waits until every process has
// closed the output, also those that the program started.
func (d *demo) command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	// The go command leaves its temporary files when it is interrupted. In d.build they
	// are removed.
	cmd.Env = append(os.Environ(), "GOTMPDIR="+d.build)
	cmd.Cancel = func() error {
		if cmd.Process.Signal(os.Interrupt) != nil { // Windows
			return cmd.Process.Kill()
		}
		return nil
	}
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func executable(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}
