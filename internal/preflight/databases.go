// Copyright (c) 2026, the go-updater contributors
//
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// eachLine calls see for every line of a file, until see returns false. It reads at
// most s.maxDatabase bytes, and returns an error if the file has more.
func (s system) eachLine(path string, see func(line []byte) bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	bounded := &io.LimitedReader{R: f, N: s.maxDatabase + 1}
	lines := bufio.NewScanner(bounded)
	for lines.Scan() {
		if !see(lines.Bytes()) {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading %q: %w", path, err)
	}
	if bounded.N == 0 {
		return fmt.Errorf("reading %q: larger than %d bytes", path, s.maxDatabase)
	}
	return nil
}

// search calls see for every line of the files matching pattern that is one of
// wanted, until see returns false. There may be thousands of files.
func (s system) search(ctx context.Context, pattern string, wanted []string, see func(file, line string) bool) error {
	files, err := filepath.Glob(filepath.Join(s.root, pattern))
	if err != nil {
		return err
	}
	set := map[string]bool{}
	for _, line := range wanted {
		set[line] = true
	}
	var failed error
	more := true
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.eachLine(file, func(line []byte) bool {
			if set[string(line)] {
				more = see(file, string(line))
			}
			return more
		})
		if !more {
			return nil
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// dpkg reads the list of files of each package, which names them as the package
// does. A diversion moves a file: the one package in the diversion has it at from,
// all others at to. A local diversion (package ":") means that no package has the
// file at from: an administrator puts their own program there.
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

// diversions returns the diversions of dpkg, each of which is three lines.
func (s system) diversions() (all []diversion, err error) {
	var lines []string
	err = s.eachLine(filepath.Join(s.root, "var/lib/dpkg/diversions"), func(line []byte) bool {
		if lines = append(lines, string(line)); len(lines) == 3 {
			all = append(all, diversion{lines[0], lines[1], lines[2]})
			lines = nil
		}
		return true
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return all, err
}

// pacman lists names without the leading slash.
func (s system) pacman(ctx context.Context, names []string) (o *owned, err error) {
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = strings.TrimPrefix(name, "/")
	}
	err = s.search(ctx, "var/lib/pacman/local/*/files", lines, func(file, _ string) bool {
		o = &owned{"pacman", filepath.Base(filepath.Dir(file)), "pacman -Syu"}
		return false
	})
	return o, err
}

// apk has one file: P:package, then F:directory and R:name for each of its files.
// Version 3 may have it below /usr.
func (s system) apk(_ context.Context, names []string) (o *owned, err error) {
	for _, path := range [...]string{"lib/apk/db/installed", "usr/lib/apk/db/installed"} {
		var pkg, dir string
		err := s.eachLine(filepath.Join(s.root, path), func(line []byte) bool {
			field, value, _ := strings.Cut(string(line), ":")
			switch field {
			case "P":
				pkg = value
			case "F":
				dir = strings.TrimSuffix("/"+value, "/") + "/"
			case "R":
				if slices.Contains(names, dir+value) {
					o = &owned{"apk", pkg, "apk upgrade"}
				}
			}
			return o == nil
		})
		if o != nil || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return o, err
		}
	}
	return nil, nil
}
