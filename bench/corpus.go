// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// pair is two consecutive releases of a real program, from the module proxy.
type pair struct {
	name, module, pkg string
	old, new          string // versions of the module
}

var pairs = []pair{
	{"nats-server", "github.com/nats-io/nats-server/v2", "github.com/nats-io/nats-server/v2", "v2.12.14", "v2.12.15"},
	{"caddy", "github.com/caddyserver/caddy/v2", "github.com/caddyserver/caddy/v2/cmd/caddy", "v2.11.8", "v2.11.9"},
}

// pairs is nats-server alone when there is little time.
func (b *bench) pairs() []pair {
	if b.quick {
		return pairs[:1]
	}
	return pairs
}

// binaries returns the two programs of the pair, built or from the corpus.
func (b *bench) binaries(ctx context.Context, p pair) (old, new string, err error) {
	if old, err = b.binary(ctx, p, p.old); err != nil {
		return "", "", err
	}
	new, err = b.binary(ctx, p, p.new)
	return old, new, err
}

func (b *bench) binary(ctx context.Context, p pair, version string) (string, error) {
	path := filepath.Join(b.corpus, fmt.Sprintf("%s-%s-%s-%s", p.name, version, runtime.GOOS, runtime.GOARCH))
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return path, nil
	}
	b.say("building %s %s", p.name, version)
	dir, err := os.MkdirTemp(b.work, "module-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	mod := fmt.Sprintf("module corpus\n\ngo 1.26.0\n\nrequire %s %s\n", p.module, version)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644); err != nil {
		return "", err
	}
	built := filepath.Join(dir, p.name)
	_, err = b.command(ctx, dir, []string{"CGO_ENABLED=0"},
		"go", "build", "-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", built, p.pkg)
	if err != nil {
		return "", err
	}
	return path, keep(built, path)
}

// keep moves a finished file to its place, also from one disk to another.
func keep(from, to string) error {
	if os.Rename(from, to) == nil {
		return nil
	}
	unfinished := to + ".part"
	if err := copyFile(from, unfinished); err != nil {
		return errors.Join(err, os.Remove(unfinished))
	}
	return os.Rename(unfinished, to)
}

// copyFile makes an executable copy that is on the disk when it returns, so that
// nothing measured later waits for it.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

func hashFile(name string) (hash string, size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	sum := sha256.New()
	size, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), size, err
}

func executable(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}
