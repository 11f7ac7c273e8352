// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// dpkg lists the files of each package as they are in the package. A diversion
// moves them: what several packages call from is at from for one of them, and
// for the others at to. A local diversion (package ":") leaves no package at
// from, which is how an administrator puts a program of his own there.
func (s system) dpkg(ctx context.Context, names []string) (o *owned, err error) {
	moved, err := s.diversions()
	if err != nil {
		return nil, err
	}
	wanted := slices.Clone(names)
	for _, d := range moved {
		if slices.Contains(names, d.to) {
			wanted = append(wanted, d.from)
		}
	}
	err = s.search(ctx, "var/lib/dpkg/info/*.list", wanted, func(file, line string) bool {
		pkg, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".list"), ":")
		for _, d := range moved {
			if d.from == line && d.pkg != pkg {
				line = d.to
				break
			}
		}
		if slices.Contains(names, line) {
			o = &owned{"dpkg", pkg, "apt"}
		}
		return o == nil
	})
	return o, err
}

type diversion struct{ from, to, pkg string }

func (s system) diversions() ([]diversion, error) {
	text, err := os.ReadFile(filepath.Join(s.root, "var/lib/dpkg/diversions"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []diversion
	for lines := strings.Split(string(text), "\n"); len(lines) >= 3; lines = lines[3:] {
		all = append(all, diversion{lines[0], lines[1], lines[2]})
	}
	return all, nil
}
