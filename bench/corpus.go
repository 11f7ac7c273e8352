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

// program is a real program on the module proxy, with two consecutive releases.
type program struct {
	name, module, pkg string
	old, new          string // versions of the module
}

var programs = []program{
	{"nats-server", "github.com/nats-io/nats-server/v2", "github.com/nats-io/nats-server/v2", "v2.12.14", "v2.12.15"},
	{"caddy", "github.com/caddyserver/caddy/v2", "github.com/caddyserver/caddy/v2/cmd/caddy", "v2.11.8", "v2.11.9"},
}

// measured returns the programs to measure: with -quick only nats-server.
func (b *bench) measured() []program {
	if b.quick {
		return programs[:1]
	}
	return programs
}

// binaries returns the old and new binary of p. It builds them unless the corpus has them.
func (b *bench) binaries(ctx context.Context, p program) (old, new string, err error) {
	if old, err = b.binary(ctx, p, p.old); err != nil {
		return "", "", err
	}
	new, err = b.binary(ctx, p, p.new)
	return old, new, err
}

func (b *bench) binary(ctx context.Context, p program, version string) (string, error) {
	path := filepath.Join(b.corpus, fmt.Sprintf("%s-%s-%s-%s", p.name, version, runtime.GOOS, runtime.GOARCH))
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return path, nil
	}
	b.logf("building %s %s", p.name, version)
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
	return path, moveFile(built, path)
}

// moveFile moves a complete file, also to another file system.
func moveFile(from, to string) error {
	if os.Rename(from, to) == nil {
		return nil
	}
	unfinished := to + ".part"
	if err := copyFile(from, unfinished); err != nil {
		return errors.Join(err, os.Remove(unfinished))
	}
	return os.Rename(unfinished, to)
}

// copyFile makes an executable copy and syncs it, so that no later measurement waits for
// the writes.
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
