// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func (s system) rpm(ctx context.Context, names []string) (*owned, error) {
	for _, db := range [...]string{
		"var/lib/rpm/rpmdb.sqlite", "var/lib/rpm/Packages.db", "var/lib/rpm/Packages", "usr/lib/sysimage/rpm/rpmdb.sqlite",
		"usr/lib/sysimage/rpm/Packages.db",
	} {
		if !exists(s.root, db) {
			continue
		}
		pkg, err := s.ask(ctx, "usr/bin/rpm", "-qf", "--queryformat", "%{NAME}\n", "--", names[0])
		if pkg == "" {
			return nil, err
		}
		return &owned{"rpm", pkg, "dnf, zypper or rpm-ostree"}, nil
	}
	return nil, nil
}

// freebsd looks for the database first: without it pkg offers to install itself.
func (s system) freebsd(ctx context.Context, names []string) (*owned, error) {
	if !exists(s.root, "var/db/pkg/local.sqlite") {
		return nil, nil
	}
	pkg, err := s.ask(ctx, "usr/local/sbin/pkg", "which", "-q", "--", names[0])
	if pkg == "" {
		return nil, err
	}
	return &owned{"pkg", pkg, "pkg upgrade"}, nil
}

// ask runs a package manager from its fixed path, with an environment that cannot
// point it elsewhere, and returns the first line of its output, at most 256 bytes.
// Exit status 1 means that no package owns the file.
func (s system) ask(ctx context.Context, program string, args ...string) (string, error) {
	program = filepath.Join(s.root, program)
	if !exists(program) {
		return "", nil // the database was left behind
	}
	ctx, cancel := context.WithTimeout(ctx, s.askTimeout)
	defer cancel()
	out := &head{}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin", "HOME=/"}
	cmd.Dir = s.root
	cmd.Stdout = out
	cmd.WaitDelay = time.Second // for a child that keeps the output open
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		return "", nil
	}
	if ctx.Err() != nil {
		err = ctx.Err() // instead of "signal: killed"
	}
	if err != nil {
		return "", fmt.Errorf("asking %s: %w", filepath.Base(program), err)
	}
	line, _, _ := strings.Cut(string(out.text), "\n")
	return line, nil
}

// head keeps the first 256 bytes of what is written to it.
type head struct{ text []byte }

func (h *head) Write(p []byte) (int, error) {
	h.text = append(h.text, p[:min(len(p), 256-len(h.text))]...)
	return len(p), nil
}
